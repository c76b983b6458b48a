"""What all tools of the plugin share: who calls, the call's clock, checked parameters, errors.

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
    from sdwebui.answers.images import Images
    from sdwebui.answers.report import Report
    from sdwebui.call import Call
    from sdwebui.parameter_checks import Parameters
    from sdwebui.parameter_types import OutputFormat
    from sdwebui.upscale import UpscaleReport


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
    def call(self) -> "Call":
        """The call to the server; its time runs from its first use."""
        from bridge.credentials import call_for

        return call_for(self.runtime.credentials)

    def read[Requested: "Parameters"](
        self, kind: type[Requested], given: Mapping[str, Any]
    ) -> Requested:
        """Return the tool's parameters, checked; files are to be read within the time limit.

        Raises:
            InvalidInput: Naming each wrong one.
        """
        from bridge.callers import caller_of
        from bridge.files import with_files
        from bridge.image_ids import with_kept_image

        self._caller = caller_of(self, given, kind)
        files = with_files(dict(given), self.call.deadline)
        return kind.read(with_kept_image(files, kind, self._caller))

    @property
    def caller(self) -> "Caller":
        """Who calls; known once the parameters were read."""
        return self._caller

    def deliver(
        self,
        name: str,
        output_format: "OutputFormat",
        images: "Images[Report] | Images[UpscaleReport]",
    ) -> Iterator[ToolInvokeMessage]:
        """Hand over the images of a call; ``name`` begins their file names."""
        from bridge.delivery import deliver

        return deliver(self, self._caller, name, output_format, images)

    def answer(
        self, text: str, facts: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> Iterator[ToolInvokeMessage]:
        """Answer in words."""
        from bridge.delivery import answer

        return answer(self, self._caller, text, facts, variables)
