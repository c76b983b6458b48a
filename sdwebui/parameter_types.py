"""Types of single parameters: options, image files, sizes, LoRAs, hires fix, ControlNet unit."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sdwebui.form_texts import read_size

AspectRatio = Literal["1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16"]
OutputFormat = Literal["original", "png", "jpeg", "webp"]
ControlMode = Literal["balanced", "prompt", "control"]
ResizeMode = Literal["stretch", "crop", "fill", "latent"]
MaskedContent = Literal["fill", "original", "noise", "nothing"]
InpaintArea = Literal["whole", "only_masked"]
MaskMode = Literal["masked", "not_masked"]
FaceRestorer = Literal["CodeFormer", "GFPGAN"]
CaptionMethod = Literal["clip", "deepbooru"]
ModelFamily = Literal["auto", "sd15", "sd2", "sdxl", "sd3", "flux", "qwen", "zimage"]
ResourceKind = Literal[
    "all",
    "models",
    "loras",
    "samplers",
    "schedulers",
    "upscalers",
    "vaes",
    "styles",
    "embeddings",
    "controlnet_models",
    "face_detailers",
]

SMALLEST_SIDE, LARGEST_SIDE = 64, 4096
"""Pixels a side that can be requested: A1111 1.10.1 itself has no limits and fails."""

SIDE_STEP = 8
"""Width and height are multiples of this many pixels: the latent space is 8 times smaller."""

UNSET = (None, "", "None")
_NO_MODEL = frozenset(
    {"", "default", "auto", "automatic", "current", "loaded", "none", "null", "string"}
    | {"undefined", "n/a"}
)
"""What an agent's model writes into ``model`` for no particular checkpoint."""


@runtime_checkable
class InputFile(Protocol):
    """An image file of the user; its bytes are read only when they are needed."""

    @property
    def name(self) -> str:
        """File name for messages."""

    def read(self) -> bytes:
        """Return the whole file.

        Raises:
            FileUnavailable: It could not be downloaded.
        """


def is_unset(value: Any) -> bool:
    """Return whether a value stands for a blank field."""
    return value is None or (isinstance(value, str) and value.strip() in UNSET)


class _Part(BaseModel):
    """The content of one text field of a form."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedWeight(_Part):
    """A LoRA and its weight; 1 is its full, trained strength."""

    name: str
    weight: float = Field(default=1.0, ge=-10, le=10)


class Size(_Part):
    """Width and height in pixels; a side that is None follows from the other."""

    width: int | None = Field(default=None, ge=SMALLEST_SIDE, le=LARGEST_SIDE)
    height: int | None = Field(default=None, ge=SMALLEST_SIDE, le=LARGEST_SIDE)


class TargetSize(_Part):
    """The size of an enlarged image in pixels; a side that is None follows from the other."""

    width: int | None = Field(default=None, ge=64, le=16384)
    height: int | None = Field(default=None, ge=64, le=16384)


class Hires(_Part):
    """A hires fix: a second pass at a larger size; None means the default of the server's family.

    ``size`` replaces ``scale`` where generation data has one. Steps 0 means as many as in the first
    pass.
    """

    scale: float | None = Field(default=None, ge=1, le=4)
    upscaler: str | None = None
    steps: int | None = Field(default=None, ge=0, le=150)
    denoising_strength: float | None = Field(default=None, ge=0, le=1)
    size: Annotated[Size | None, BeforeValidator(read_size)] = None
    sampler: str | None = None
    scheduler: str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    cfg_scale: float | None = Field(default=None, ge=0, le=30)


class Control(_Part):
    """A ControlNet unit; ``start`` and ``end`` are shares of the steps, 0–1."""

    module: str | None = None
    model: str | None = None
    weight: float | None = Field(default=None, ge=0, le=2)
    start: float | None = Field(default=None, ge=0, le=1)
    end: float | None = Field(default=None, ge=0, le=1)
    mode: ControlMode | None = None
    resize_mode: Literal["stretch", "crop", "fill"] | None = None
    pixel_perfect: bool | None = None
    processor_res: int | None = Field(default=None, ge=64, le=4096)
    threshold_a: float | None = None
    threshold_b: float | None = None


def read_model(value: Any) -> Any:
    """Return a model's name, or None for a word such as "default"."""
    if isinstance(value, str) and value.strip().strip("\"'<>").casefold() in _NO_MODEL:
        return None
    return value


def read_files(value: Any) -> Any:
    """Return a single file as a list, and a list without the None that Dify puts there."""
    if isinstance(value, InputFile):
        return [value]
    if isinstance(value, list | tuple):
        return [file for file in value if file not in UNSET]
    return value


def _read_text(value: Any) -> Any:
    """Return the JSON of an object that Dify hands over for a text."""
    return json.dumps(value) if isinstance(value, Mapping) else value


Text = Annotated[str, BeforeValidator(_read_text)]
