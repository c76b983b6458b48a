"""What all tools of the plugin share: who calls, a client, checked parameters, errors in words.

Nothing of ours is imported before it is needed, here and in the tools: Dify waits for the plugin's
first line at every start, and imports would make up a twentieth of that.
"""

from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

if TYPE_CHECKING:
    from bridge.callers import Caller
    from sdwebui.answers.report import Report
    from sdwebui.client import Client, Picture
    from sdwebui.parameters import Generation, Img2Img, Parameters


class WebUITool(Tool):
    """A tool that works on one WebUI.

    Tool modules import this module, not the class: Dify's loader takes every Tool subclass that it
    finds in a tool's module for the tool.
    """

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        from bridge import errors

        with errors.of_a_tool():
            yield from self.work(tool_parameters)

    @abstractmethod
    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Do what the tool is for.

        Raises:
            WebUIError: Any of the tree; users read its text.
        """

    @cached_property
    def client(self) -> "Client":
        """A client whose time runs from its first use."""
        from bridge.credentials import client_for

        return client_for(self.runtime.credentials)

    def read[Asked: "Parameters"](self, kind: type[Asked], given: Mapping[str, Any]) -> Asked:
        """Return the tool's parameters, checked; files are to be read within the time limit.

        Raises:
            InvalidInput: Naming each wrong one.
        """
        from bridge.callers import caller_of
        from bridge.files import with_files
        from bridge.image_ids import with_kept_image

        self._caller = caller_of(self, given, kind)
        files = with_files(dict(given), self.client.deadline)
        return kind.read(with_kept_image(files, kind, self._caller))

    @property
    def caller(self) -> "Caller":
        """Who calls; known once the parameters were read."""
        return self._caller

    def changed(
        self, name: str, kind: "type[Img2Img]", given: Mapping[str, Any]
    ) -> Iterator[ToolInvokeMessage]:
        """Change an image, wholly or in part; ``name`` begins the file names.

        Raises:
            WebUIError: Any of the tree.
        """
        from bridge.offload import run_in_thread
        from sdwebui.parameters import Inpaint
        from sdwebui.planning.reproduction import completed
        from sdwebui.planning.sources import prepare

        asked = completed(self.read(kind, given))
        assert asked.image  # noqa: S101 - read() refuses a call without one
        image = asked.image.read()
        mask = asked.mask.read() if isinstance(asked, Inpaint) and asked.mask else None
        planner = self.client.planner
        prepared = run_in_thread(prepare, asked, image, mask, not planner.dialect.resize_modes)
        plan = planner.img2img(asked, prepared)
        return self.images(name, asked, self.client.generate(plan))

    def images(
        self, name: str, asked: "Generation", pictures: "Generator[Picture, None, Report]"
    ) -> Iterator[ToolInvokeMessage]:
        """Hand over the images of a generation; ``name`` begins their file names."""
        from bridge.delivery import deliver

        return deliver(self, self._caller, name, asked.output_format, pictures)

    def answer(
        self, text: str, facts: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> Iterator[ToolInvokeMessage]:
        """Answer in words."""
        from bridge.delivery import answer

        return answer(self, self._caller, text, facts, variables)
