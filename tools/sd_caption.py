"""The tool sd_caption: a description of an image."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class CaptionTool(tools.WebUITool):
    """The tool sd_caption."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Describe an image in words that can serve as a prompt."""
        from sdwebui.caption import caption
        from sdwebui.parameters import Caption

        result = caption(self.call, self.read(Caption, given))
        facts = {"caption": result.caption, "warnings": list(result.warnings)}
        return self.answer(result.caption, facts, facts)
