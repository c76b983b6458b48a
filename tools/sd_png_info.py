"""The tool sd_png_info: how an image was made."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class PngInfoTool(tools.WebUITool):
    """Reads the generation data that an image's file holds."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """Reads the generation data that an image's file holds."""
        from functools import partial

        from bridge.offload import run_in_thread
        from sdwebui.images.inputs import open_picture
        from sdwebui.parameters import PngInfo
        from sdwebui.png_info import told_by_file, told_by_server

        asked = self.read(PngInfo, given)
        assert asked.image  # noqa: S101 - read() refuses a call without one
        data = asked.image.read()
        origin = told_by_file(data)
        if origin is None:
            # What is no image is refused in words before the server is bothered with it.
            run_in_thread(partial(open_picture, data, name="image"))
            origin = told_by_server(self.client, data)
        facts = origin.facts()
        fields = dict(origin.infotext.fields)
        return self.answer(origin.text or origin.warnings[0], {**facts, "fields": fields}, facts)
