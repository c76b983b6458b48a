"""The tool sd_outpaint: an image extended beyond its edges."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class OutpaintTool(tools.WebUITool):
    """Paints beyond the edges of an image."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Paints beyond the edges of an image."""
        from sdwebui.parameters import Outpaint

        return self.changed("outpaint", Outpaint, given)
