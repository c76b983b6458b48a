"""The tool sd_img2img: a whole image changed by a prompt."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class Img2ImgTool(tools.WebUITool):
    """Makes images from an image and a prompt."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Makes images from an image and a prompt."""
        from sdwebui.parameters import Img2Img

        return self.changed("img2img", Img2Img, given)
