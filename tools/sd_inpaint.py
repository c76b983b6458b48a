"""The tool sd_inpaint: a part of an image repainted."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class InpaintTool(tools.WebUITool):
    """Repaints what a mask, an area or transparency marks."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Repaints what a mask, an area or transparency marks."""
        from sdwebui.parameters import Inpaint

        return self.changed("inpaint", Inpaint, given)
