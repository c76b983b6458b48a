"""The tool txt2img: an image from words."""

from collections.abc import Generator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class Txt2ImgTool(tools.WebUITool):
    """Makes images from a prompt."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        from bridge.delivery import deliver
        from bridge.offload import run_in_thread
        from sdwebui.parameters import Txt2Img
        from sdwebui.reproduction import reproduced

        client = self.client
        asked = tools.read(Txt2Img, tool_parameters, client)
        if asked.reproduce:
            asked = run_in_thread(reproduced, asked, asked.reproduce.read())
        plan = client.planner.txt2img(asked)
        yield from deliver(self, "txt2img", asked.output_format, client.generate(plan))
