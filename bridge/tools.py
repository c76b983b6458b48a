"""The base of all tools: the caller, the call with its time limit, checked parameters, errors.

Here and in the tools, modules of the plugin are imported where they are used: Dify waits for the
plugin's first line at every start, and the imports would take a twentieth of that time.
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

    Tool modules import this module, not the class: Dify's loader takes any Tool subclass in a
    tool's module for the tool.
    """

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        """Run the tool for the SDK, with the SDK's errors."""
        from bridge import errors

        with errors.of_a_tool():
            yield from self.work(tool_parameters)

    @abstractmethod
    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Run the tool, and yield its messages.

        Raises:
            WebUIError: Any of the tree; users read its message.
        """

    @cached_property
    def call(self) -> "Call":
        """The call to the server, whose time limit starts at its first use."""
        from bridge.credentials import call_for

        return call_for(self.runtime.credentials)

    def read[Requested: "Parameters"](
        self, kind: type[Requested], given: Mapping[str, Any]
    ) -> Requested:
        """Return the tool's checked parameters; its files are read within the time limit.

        Raises:
            InvalidInput: A parameter is wrong; the message names each.
        """
        from bridge.callers import caller_of
        from bridge.files import with_files
        from bridge.image_ids import with_kept_image

        self._caller = caller_of(self, given, kind)
        files = with_files(dict(given), self.call.deadline)
        return kind.read(with_kept_image(files, kind, self._caller))

    @property
    def caller(self) -> "Caller":
        """The caller, known once the parameters were read."""
        return self._caller

    def deliver(
        self,
        name: str,
        output_format: "OutputFormat",
        images: "Images[Report] | Images[UpscaleReport]",
    ) -> Iterator[ToolInvokeMessage]:
        """Yield the messages of a call's images; ``name`` begins their file names."""
        from bridge.delivery import deliver

        return deliver(self, self._caller, name, output_format, images)

    def answer(
        self, text: str, facts: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> Iterator[ToolInvokeMessage]:
        """Yield the messages of an answer without images."""
        from bridge.delivery import answer

        return answer(self, self._caller, text, facts, variables)
