"""Hands over the same images from memory: what the SDK alone takes for them."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

_pictures: dict[str, list[bytes]] = {}


class FloorTool(Tool):
    """Yields the files of a folder, each time from memory."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        folder = tool_parameters["folder"]
        if folder not in _pictures:
            _pictures[folder] = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
        for number, data in enumerate(_pictures[folder]):
            meta = {"mime_type": "image/png", "filename": f"{number}.png"}
            yield self.create_blob_message(data, meta)
