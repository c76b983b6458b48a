"""The tool sd_caption: an image in words."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class CaptionTool(tools.WebUITool):
    """Describe an image so that the words can serve as a prompt."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Describe an image so that the words can serve as a prompt."""
        from sdwebui.caption import caption
        from sdwebui.parameters import Caption

        result = caption(self.call, self.read(Caption, given))
        facts = {"caption": result.caption, "warnings": list(result.warnings)}
        return self.answer(result.caption, facts, facts)
