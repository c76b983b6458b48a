"""What the demonstration asks the plugin for, call by call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FileParameter = Mapping[str, Any]
"""An image as Dify hands it to a file parameter."""

DROPDOWNS = ("model", "sampler", "scheduler", "vae", "hr_upscaler", "refiner")
"""Fields of txt2img that are filled from the server."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a tool.

    Attributes:
        title: Stands in the table and on the contact sheet.
        tool: The tool's name.
        parameters: What is given to it.
        choices: Parameters whose value is taken from their dropdown, each with words that the
            choice should hold; without a fitting one the first is taken. The step is left out
            where the server has no choice at all, because it lacks what the step shows.
    """

    title: str
    tool: str
    parameters: Mapping[str, Any]
    choices: Mapping[str, str] = field(default_factory=dict)


def first_page(prompt: str) -> list[Step]:
    """Images from words."""
    return [
        Step("four at once", "txt2img", {"prompt": prompt, "image_count": 4}),
        Step("16:9", "txt2img", {"prompt": prompt, "aspect_ratio": "16:9"}),
        Step("2:3, as JPEG", "txt2img", {
            "prompt": prompt, "aspect_ratio": "2:3", "output_format": "jpeg",
        }),
        Step("hires fix", "txt2img", {
            "prompt": prompt, "enable_hr": True, "hr_scale": 1.5, "hr_steps": 8,
        }, {"hr_upscaler": "latent"}),
    ]  # fmt: skip


def second_page(prompt: str, picture: FileParameter) -> list[Step]:
    """Each tool once, on an image of the first page."""
    return [
        Step("the same again", "txt2img", {"reproduce": picture}),
        Step("repainted", "img2img", {
            "prompt": f"{prompt}, autumn", "image": picture, "denoising_strength": 0.6,
        }),
        Step("made wider", "img2img", {
            "prompt": prompt, "image": picture, "expand_left": 128, "expand_right": 128,
        }),
        Step("twice as large", "upscale", {
            "images": [picture], "scale": 2,
        }, {"upscaler": "esrgan"}),
        Step("guided by its edges", "controlnet", {
            "prompt": f"{prompt}, at night", "control_image": picture,
        }, {"control_model": "canny", "control_module": "canny"}),
        Step("faces made better", "txt2img", {
            "prompt": f"{prompt}, with a portrait of a sailor",
        }, {"face_detailer": "face"}),
        Step("in words", "caption", {"image": picture}),
        Step("how it was made", "png_info", {"image": picture}),
        Step("what there is", "list_resources", {"kind": "models"}),
    ]  # fmt: skip
