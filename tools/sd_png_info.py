"""The tool sd_png_info: the generation data in an image file."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class PngInfoTool(tools.WebUITool):
    """The tool sd_png_info."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Read the generation data in an image file."""
        from sdwebui.parameters import PngInfo
        from sdwebui.png_info import png_info

        result = png_info(self.call, self.read(PngInfo, given))
        facts = result.facts()
        fields = dict(result.infotext.fields)
        return self.answer(result.text or result.warnings[0], {**facts, "fields": fields}, facts)
