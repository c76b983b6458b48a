"""The tool png_info: how an image was made."""

from collections.abc import Generator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class PngInfoTool(tools.WebUITool):
    """Reads the generation parameters that an image's file holds."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        from functools import partial

        from bridge.offload import run_in_thread
        from sdwebui.inputs import open_picture
        from sdwebui.parameters import PngInfo
        from sdwebui.provenance import told_by_file, told_by_server

        client = self.client
        data = tools.read(PngInfo, tool_parameters, client).image.read()
        origin = told_by_file(data)
        if origin is None:
            # What is no image is refused in words before the server is bothered with it.
            run_in_thread(partial(open_picture, data, name="image"))
            origin = told_by_server(client, data)
        yield self.create_text_message(origin.text or origin.warnings[0])
        facts = origin.facts()
        yield self.create_json_message({**facts, "fields": dict(origin.infotext.fields)})
        for name, value in facts.items():
            yield self.create_variable_message(name, value)
