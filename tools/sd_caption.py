"""The tool sd_caption: an image in words."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class CaptionTool(tools.WebUITool):
    """Describes an image so that the words can serve as a prompt."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Describes an image so that the words can serve as a prompt."""
        from bridge.offload import run_in_thread
        from sdwebui.parameters import Caption
        from sdwebui.planning.sources import ready
        from sdwebui.postprocess import caption

        asked = self.read(Caption, given)
        assert asked.image  # noqa: S101 - read() refuses a call without one
        picture, sent = run_in_thread(ready, asked.image.read(), "image")
        words = caption(self.client, sent, asked.method)
        facts = {"caption": words, "warnings": list(picture.warnings)}
        return self.answer(words, facts, facts)
