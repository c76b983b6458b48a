"""The tool sd_txt2img: new images from a prompt."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class Txt2ImgTool(tools.WebUITool):
    """Makes images from a prompt."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Makes images from a prompt."""
        from bridge.offload import run_in_thread
        from sdwebui.parameters import Txt2Img
        from sdwebui.planning.reproduction import completed

        asked = self.read(Txt2Img, given)
        if asked.reproduce:
            asked = run_in_thread(completed, asked, asked.reproduce.read())
        else:
            asked = completed(asked)
        plan = self.client.planner.txt2img(asked)
        return self.images("txt2img", asked, self.client.generate(plan))
