"""Does nothing: how long the SDK itself takes to start."""

from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage


class EmptyTool(Tool):
    """Yields nothing."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        del tool_parameters
        yield from ()
