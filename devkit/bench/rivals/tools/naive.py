"""The shortest tool that works: set the model for all, ask, read everything, hand it over."""

import base64
from collections.abc import Generator
from typing import Any

import requests
from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage


class NaiveTool(Tool):
    """Yields the images once the whole answer is read and decoded."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        url = self.runtime.credentials["base_url"]
        options = {"sd_model_checkpoint": self.runtime.credentials["model"]}
        requests.post(f"{url}/sdapi/v1/options", json=options, timeout=600)
        width, _, height = tool_parameters["size"].partition("x")
        body = {
            "prompt": tool_parameters["prompt"],
            "width": int(width),
            "height": int(height),
            "batch_size": tool_parameters["image_count"],
            "steps": tool_parameters["steps"],
            "seed": tool_parameters["seed"],
        }
        response = requests.post(f"{url}/sdapi/v1/txt2img", json=body, timeout=600)
        for image in response.json()["images"]:
            meta = {"mime_type": "image/png", "filename": "image.png"}
            yield self.create_blob_message(base64.b64decode(image), meta)
