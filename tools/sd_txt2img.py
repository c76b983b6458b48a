"""The tool sd_txt2img: new images from a prompt."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class Txt2ImgTool(tools.WebUITool):
    """The tool sd_txt2img."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Make images from a prompt."""
        from sdwebui.generation import txt2img
        from sdwebui.parameters import Txt2Img

        requested = self.read(Txt2Img, given)
        images = txt2img(self.call, requested)
        return self.deliver("txt2img", requested.output_format, images)
