"""The tool upscale: finished images made larger."""

from collections.abc import Generator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class UpscaleTool(tools.WebUITool):
    """Enlarges images with the WebUI's upscalers."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        from bridge.blobs import blob
        from bridge.offload import run_in_thread
        from sdwebui.infotext import read_parameters
        from sdwebui.parameters import Upscale
        from sdwebui.postprocess import plan_upscale, upscale
        from sdwebui.sources import ready

        client = self.client
        asked = tools.read(Upscale, tool_parameters, client)
        plan = plan_upscale(client, asked)
        # All are fetched and checked before the first costs GPU time.
        files = [file.read() for file in asked.images]
        images: list[dict[str, Any]] = []
        warnings: list[str] = []
        for number, data in enumerate(files, 1):
            name = f"images[{number}]" if len(files) > 1 else "images"
            picture, sent = run_in_thread(ready, data, name)
            plan.require_room(picture)
            made = upscale(client, plan, picture, sent, read_parameters(data))
            messages, note, said = blob(
                f"upscale-{number}", made.data, made.format, asked.output_format
            )
            images.append({**note, "width": made.width, "height": made.height})
            warnings += (*made.warnings, *said)
            del made
            yield from messages
        sizes = ", ".join(f"{one['width']}×{one['height']}" for one in images)
        text = f"{len(images)} enlarged with {plan.upscaler}: {sizes}."
        if warnings:
            text += f"\nWarning: {' '.join(warnings)}"
        yield self.create_text_message(text)
        yield self.create_json_message(
            {"upscaler": plan.upscaler, "images": images, "warnings": warnings}
        )
        yield self.create_variable_message("warnings", warnings)
