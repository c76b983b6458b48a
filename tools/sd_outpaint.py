"""The tool sd_outpaint: an image extended beyond its edges."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class OutpaintTool(tools.WebUITool):
    """The tool sd_outpaint."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Paint beyond the edges of an image."""
        from sdwebui.generation import img2img
        from sdwebui.parameters import Outpaint

        requested = self.read(Outpaint, given)
        images = img2img(self.call, requested)
        return self.deliver("outpaint", requested.output_format, images)
