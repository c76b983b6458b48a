"""The tool sd_controlnet: new images guided by one or two control images."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class ControlNetTool(tools.WebUITool):
    """Makes images from a prompt along the edges, depth or pose of others."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Makes images from a prompt along the edges, depth or pose of others."""
        from bridge.offload import run_in_thread
        from sdwebui.parameters import ControlNet
        from sdwebui.planning.reproduction import completed
        from sdwebui.planning.sources import ready

        asked = completed(self.read(ControlNet, given))
        named = {"control_image": asked.control_image, "control_image_2": asked.control_image_2}
        images = [
            run_in_thread(ready, file.read(), name)[1] for name, file in named.items() if file
        ]
        plan = self.client.planner.controlnet(asked, images)
        return self.images("controlnet", asked, self.client.generate(plan))
