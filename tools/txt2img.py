"""The tool txt2img: a picture from words."""

from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities import ParameterOption
from dify_plugin.entities.tool import ToolInvokeMessage

from bridge.credentials import client_for
from bridge.delivery import deliver
from bridge.dropdowns import options_for
from sdwebui.parameters import Txt2Img


class Txt2ImgTool(Tool):
    """Makes pictures from a prompt."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        client = client_for(self.runtime.credentials)
        asked = Txt2Img.read(tool_parameters)
        plan = client.planner.txt2img(asked)
        yield from deliver(self, "txt2img", asked.output_format, client.generate(plan))

    def _fetch_parameter_options(self, parameter: str) -> list[ParameterOption]:
        return options_for(self.runtime.credentials, parameter)
