"""The tool sd_img2img: a whole image changed by a prompt."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class Img2ImgTool(tools.WebUITool):
    """The tool sd_img2img."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Make images from an image and a prompt."""
        from sdwebui.generation import img2img
        from sdwebui.parameters import Img2Img

        requested = self.read(Img2Img, given)
        images = img2img(self.call, requested)
        return self.deliver("img2img", requested.output_format, images)
