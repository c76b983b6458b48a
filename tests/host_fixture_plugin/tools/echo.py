"""A tool that says what reached it."""

from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage
from dify_plugin.file.file import File


class EchoTool(Tool):
    """Answers with its parameters; of a file with all that it knows, and its bytes as text."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        yield self.create_json_message(
            {name: _plain(value) for name, value in tool_parameters.items()}
        )


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, File):
        return {**value.model_dump(mode="json"), "text": value.blob.decode()}
    return value
