"""The tool sd_inpaint: a part of an image repainted."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class InpaintTool(tools.WebUITool):
    """The tool sd_inpaint."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Repaint the part of an image that a mask, an area or transparency marks."""
        from sdwebui.generation import img2img
        from sdwebui.parameters import Inpaint

        requested = self.read(Inpaint, given)
        images = img2img(self.call, requested)
        return self.deliver("inpaint", requested.output_format, images)
