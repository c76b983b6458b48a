"""What the demonstration requests of the plugin, call by call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEED = 1235
"""The same at each run, so that each run shows the same images."""

GENERATION_DATA = """a castle in winter, snow, pale light
Negative prompt: blurry, people
Steps: 12, Sampler: Euler a, CFG scale: 6, Seed: 2026, Size: 512x640"""
"""As people copy it from a model's page."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is taken from what the server lists.

    Attributes:
        kind: Of ``sd_list_resources``.
        words: The name should hold them; without a fitting one the first is taken.
        otherwise: Used where the server lists none; the plugin then reports what is missing.
        text: The parameter's text around the name.
    """

    kind: str
    words: str
    otherwise: str = ""
    text: str = "{}"

    def chosen(self, offered: Mapping[str, list[str]]) -> str:
        """Return the parameter's text."""
        names = offered.get(self.kind) or []
        if not names:
            return self.otherwise
        best = next((name for name in names if self.words in name.lower()), names[0])
        return self.text.format(best)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a tool.

    Attributes:
        title: What it shows.
        tool: The tool's name.
        parameters: What a model or a variable gives it.
        settings: What the builder of the app has set; a :class:`Name` is looked up first.
        wish: Of the user of an agent, for whom its model makes the call; blank: a workflow.
    """

    title: str
    tool: str
    parameters: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    wish: str = ""


def from_words(prompt: str) -> list[Step]:
    """Return calls that make images from words."""
    upscaler = Name("upscalers", "esrgan", "1.5", "1.5, {}, 0.4")
    detector = Name("face_detailers", "face", "face_yolov8n.pt")
    return [
        Step("four seeds", "sd_txt2img", {"prompt": prompt, "image_count": 4, "seed": SEED}),
        Step("hires fix", "sd_txt2img", {"prompt": prompt, "seed": SEED}, {"hires_fix": upscaler}),
        Step("16:9", "sd_txt2img", {
            "prompt": "a city at night, neon", "aspect_ratio": "16:9", "seed": 11,
        }),
        Step("a size, as JPEG", "sd_txt2img", {
            "prompt": "a fox in an autumn forest", "seed": 23,
        }, {"size": "512x768", "output_format": "jpeg"}),
        Step("as WebP", "sd_txt2img", {
            "prompt": "sunflowers in a vase, watercolour", "seed": 37,
        }, {"size": "576", "output_format": "webp"}),
        Step("generation data", "sd_txt2img", {}, {"more_settings": GENERATION_DATA}),
        Step("face detailer", "sd_txt2img", {
            "prompt": "portrait of a sailor", "seed": 41,
        }, {"face_detailer": detector}),
    ]  # fmt: skip


def from_an_image(prompt: str, image: Mapping[str, Any]) -> list[Step]:
    """Return a call of each other tool, on the first image as Dify hands it over."""
    canny = {"control_module": "canny", "control_model": Name("controlnet_models", "canny")}
    return [
        Step("the same again", "sd_txt2img", {"reproduce": image}),
        Step("restyled", "sd_img2img", {
            "prompt": f"{prompt}, in winter, snow", "image": image, "denoising_strength": 0.6,
            "seed": SEED + 10,
        }),
        Step("an area anew", "sd_inpaint", {
            "prompt": f"{prompt}, a hot-air balloon in the sky", "image": image,
            "mask_area": "50, 0, 100, 45", "seed": SEED,
        }),
        Step("made wider", "sd_outpaint", {
            "prompt": prompt, "image": image, "expand_left": 256, "expand_right": 256,
            "seed": SEED,
        }),
        Step("along its edges", "sd_controlnet", {
            "prompt": f"{prompt}, neon", "control_image": image, "seed": SEED,
        }, canny),
        Step("twice as large", "sd_upscale", {"images": [image], "scale": 2}, {
            "upscaler": Name("upscalers", "esrgan"),
        }),
        Step("in words", "sd_caption", {"image": image}),
        Step("how it was made", "sd_png_info", {"image": image}),
        Step("what there is", "sd_list_resources", {}),
    ]  # fmt: skip


def chat() -> list[Step]:
    """Return the calls of a chat, in which an agent makes, changes and enlarges an image."""
    return [
        Step("an agent draws", "sd_txt2img", {
            "prompt": "a red barn in autumn, golden light", "seed": 53,
        }, wish="Draw me a red barn in autumn."),
        Step("and changes it", "sd_img2img", {
            "prompt": "a red barn at sunset, orange sky", "image_id": "last", "seed": 54,
            "denoising_strength": 0.7,
        }, wish="Nice. Now at sunset, please."),
        Step("and enlarges it", "sd_upscale", {"image_id": "last", "scale": 2},
             wish="Make it larger for my wall."),
    ]  # fmt: skip
