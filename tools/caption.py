"""The tool caption: an image in words."""

from collections.abc import Generator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class CaptionTool(tools.WebUITool):
    """Describes an image so that the words can serve as a prompt."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        from bridge.offload import run_in_thread
        from sdwebui.parameters import Caption
        from sdwebui.postprocess import caption
        from sdwebui.sources import ready

        client = self.client
        asked = tools.read(Caption, tool_parameters, client)
        picture, sent = run_in_thread(ready, asked.image.read(), "image")
        words = caption(client, sent, asked.method)
        yield self.create_text_message(words)
        yield self.create_json_message({"caption": words, "warnings": list(picture.warnings)})
        yield self.create_variable_message("caption", words)
        yield self.create_variable_message("warnings", list(picture.warnings))
