"""The tool sd_controlnet: new images guided by one or two control images."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class ControlNetTool(tools.WebUITool):
    """The tool sd_controlnet."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Make images from a prompt, guided by the edges, depth or pose of others."""
        from sdwebui.generation import controlnet
        from sdwebui.parameters import ControlNet

        requested = self.read(ControlNet, given)
        images = controlnet(self.call, requested)
        return self.deliver("controlnet", requested.output_format, images)
