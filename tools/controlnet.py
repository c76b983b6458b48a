"""The tool controlnet: an image from words, guided by one or two control images."""

from collections.abc import Generator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class ControlNetTool(tools.WebUITool):
    """Makes images from a prompt along the lines, depths or poses of others."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        from bridge.delivery import deliver
        from bridge.offload import run_in_thread
        from sdwebui.parameters import ControlNet
        from sdwebui.sources import ready

        client = self.client
        asked = tools.read(ControlNet, tool_parameters, client)
        named = {"control_image": asked.control_image, "control_image_2": asked.control_image_2}
        images = [
            run_in_thread(ready, file.read(), name)[1] for name, file in named.items() if file
        ]
        plan = client.planner.controlnet(asked, images)
        yield from deliver(self, "controlnet", asked.output_format, client.generate(plan))
