"""The tool sd_upscale: finished images enlarged."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class UpscaleTool(tools.WebUITool):
    """Enlarges images with the WebUI's upscalers."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Enlarges images with the WebUI's upscalers."""
        from bridge.delivery import deliver_upscaled
        from bridge.offload import run_in_thread
        from sdwebui.parameters import Upscale
        from sdwebui.postprocess import enlarged, plan_upscale

        asked = self.read(Upscale, given)
        plan = plan_upscale(self.client, asked)
        # All are fetched and checked before the first costs GPU time.
        files = [file.read() for file in asked.images]
        made = enlarged(self.client, plan, files, run_in_thread)
        return deliver_upscaled(self, self.caller, asked.output_format, made)
