"""The tool sd_upscale: finished images enlarged."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class UpscaleTool(tools.WebUITool):
    """The tool sd_upscale."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Enlarge images with the WebUI's upscalers."""
        from sdwebui.parameters import Upscale
        from sdwebui.upscale import upscale

        requested = self.read(Upscale, given)
        images = upscale(self.call, requested)
        return self.deliver("upscale", requested.output_format, images)
