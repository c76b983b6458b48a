"""The tool img2img: an image changed, repainted in parts, or painted beyond its edges."""

from collections.abc import Generator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class Img2ImgTool(tools.WebUITool):
    """Makes images from an image and a prompt."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        from bridge.delivery import deliver
        from bridge.offload import run_in_thread
        from sdwebui.parameters import Img2Img
        from sdwebui.sources import prepare

        client = self.client
        asked = tools.read(Img2Img, tool_parameters, client)
        image = asked.image.read()
        mask = asked.mask.read() if asked.mask else None
        resize_here = not client.planner.dialect.resize_modes
        prepared = run_in_thread(prepare, asked, image, mask, resize_here)
        plan = client.planner.img2img(asked, prepared)
        yield from deliver(self, "img2img", asked.output_format, client.generate(plan))
