"""Hands over the same images from memory: what the SDK alone takes for them."""

from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage


class FloorTool(Tool):
    """Yields the files of a folder, each time from memory."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        for name, data in _read(Path(tool_parameters["folder"])).items():
            yield self.create_blob_message(data, {"mime_type": "image/png", "filename": name})


@cache
def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
