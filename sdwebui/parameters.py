"""What a user may ask for: one pydantic model a tool, the only place of names, types and ranges.

The forms in ``tools/*.yaml`` show the same parameters to people; a test holds the two together.
Values come as Dify hands them over: numbers may be strings, and ``None``, ``""`` and ``"None"``
(what older Dify versions send for an untouched dropdown) all mean "not set".
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, Self, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from sdwebui.errors import InvalidInput

AspectRatio = Literal["1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16"]
OutputFormat = Literal["original", "png", "jpeg", "webp"]
ControlMode = Literal["balanced", "prompt", "control"]
ResizeMode = Literal["stretch", "crop", "fill", "latent"]
MaskedContent = Literal["fill", "original", "noise", "nothing"]
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
"""Pixels a side that are asked of a server: A1111 1.10.1 itself has no limits and fails."""

SIDE_STEP = 8
"""Width and height are multiples of this many pixels: the latent space is 8 times smaller."""

_UNSET = (None, "", "None")


@runtime_checkable
class InputFile(Protocol):
    """An image that the user handed over; its bytes are fetched only when they are needed."""

    @property
    def name(self) -> str:
        """File name for messages."""

    def read(self) -> bytes:
        """The whole file.

        Raises:
            FileUnavailable: It could not be downloaded.
        """


class NamedWeight(BaseModel):
    """A LoRA and how strongly it counts; 1 is its full, trained strength."""

    model_config = ConfigDict(frozen=True)
    name: str
    weight: float = Field(default=1.0, ge=-10, le=10)


def _read_loras(value: Any) -> Any:
    """``"name:weight, other"`` as a list; the weight is what stands behind the last colon."""
    if not isinstance(value, str):
        return value
    loras = []
    for part in filter(None, (part.strip() for part in re.split(r"[,\n]", value))):
        tag = re.fullmatch(r"<lora:(.*)>", part)
        name, colon, weight = (tag[1] if tag else part).rpartition(":")
        if not colon:
            name, weight = weight, "1"
        try:
            loras.append({"name": name.strip(), "weight": float(weight)})
        except ValueError:
            raise ValueError(
                f"write it as name:weight, …; {weight.strip()!r} is not a number"
            ) from None
    return loras


def _read_names(value: Any) -> Any:
    """A comma-separated list, or JSON's ``["a, b", "c"]`` for names that hold commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not a JSON list ({error})") from None
    return [name for name in (part.strip() for part in re.split(r"[,\n]", value)) if name]


def _read_object(value: Any) -> Any:
    """A JSON object, given as text or as an object."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
        # Python reads and writes NaN, infinite numbers (1e999) and halves of characters, which no
        # server takes.
        json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f'not JSON ({error}); write an object such as {{"eta": 0.5}}') from None
    if not isinstance(parsed, dict):
        raise ValueError('not a JSON object; write one such as {"eta": 0.5}')  # noqa: TRY004
    return parsed


def _one_or_more(value: Any) -> Any:
    """A single file as a list of one: Dify hands over either."""
    return [value] if isinstance(value, InputFile) else value


class Parameters(BaseModel):
    """Base of all tools' parameters: unset values are dropped, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_unset(cls, data: Any) -> Any:
        # A prompt may be the very word None; an empty one is as good as none.
        return {
            name: value
            for name, value in data.items()
            if not (isinstance(value, str | None) and value in _UNSET)
            or (name == "prompt" and value == "None")
        }

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Check what Dify handed over.

        Raises:
            InvalidInput: Naming each wrong parameter, its range and what was given.
        """
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            raise InvalidInput(" ".join(map(_sentence, error.errors()))) from None


def _sentence(error: Any) -> str:
    """One of pydantic's findings as a sentence for the person who filled in the form."""
    name = str(error["loc"][0]) if error["loc"] else "parameters"
    context = error.get("ctx", {})
    if error["loc"][1:] and error["loc"][-1] == "weight":
        name = f"{name}: a weight"
    given = f"(got {str(error['input'])[:60]!r})"
    match error["type"]:
        case "missing":
            return f"{name} is missing."
        case "extra_forbidden":
            return f"There is no parameter {name}."
        case "greater_than_equal":
            return f"{name} must be at least {context['ge']} {given}."
        case "less_than_equal":
            return f"{name} must be at most {context['le']} {given}."
        case "literal_error":
            return f"{name} must be one of {context['expected']} {given}."
        case kind if kind.startswith(("int_", "float_")):
            return f"{name} must be a {'whole ' if kind.startswith('int_') else ''}number {given}."
        case kind if kind.startswith("bool_"):
            return f"{name} must be true or false {given}."
        case "is_instance_of" | "tuple_type":
            # What was given may be the signed address of a file.
            return f"{name} must be an image file."
        case "too_short":
            return f"{name} holds no image."
        case "value_error":
            return f"{name}: {context['error']}."
        case _:
            return f"{name}: {error['msg']} {given}."


class Generation(Parameters):
    """What every generating tool takes: prompt, model, sampler, output."""

    prompt: str = ""
    negative_prompt: str = ""
    image_count: int = Field(default=1, ge=1, le=8)
    seed: int = Field(default=-1, ge=-1, le=2**32 - 1)
    model: str | None = None
    lora: Annotated[tuple[NamedWeight, ...], BeforeValidator(_read_loras)] = ()
    styles: Annotated[tuple[str, ...], BeforeValidator(_read_names)] = ()
    width: int | None = Field(default=None, ge=SMALLEST_SIDE, le=LARGEST_SIDE)
    height: int | None = Field(default=None, ge=SMALLEST_SIDE, le=LARGEST_SIDE)
    steps: int | None = Field(default=None, ge=1, le=150)
    cfg_scale: float | None = Field(default=None, ge=0, le=30)
    distilled_cfg_scale: float | None = Field(default=None, ge=0, le=30)
    sampler: str | None = None
    scheduler: str | None = None
    vae: str | None = None
    clip_skip: int | None = Field(default=None, ge=1, le=12)
    refiner: str | None = None
    refiner_switch_at: float = Field(default=0.8, ge=0, le=1)
    restore_faces: bool = False
    tiling: bool = False
    face_detailer: str | None = None
    output_format: OutputFormat = "original"
    extra: Annotated[dict[str, Any], BeforeValidator(_read_object)] = Field(default_factory=dict)


class Txt2Img(Generation):
    """The tool ``txt2img``."""

    aspect_ratio: AspectRatio = "1:1"
    enable_hr: bool = False
    hr_scale: float = Field(default=2.0, ge=1, le=4)
    hr_upscaler: str | None = None
    hr_steps: int = Field(default=0, ge=0, le=150)
    denoising_strength: float = Field(default=0.5, ge=0, le=1)
    reproduce: InputFile | None = None


class Img2Img(Generation):
    """The tool ``img2img``: change an image, repaint a part of it, or paint beyond its edges."""

    image: InputFile
    mask: InputFile | None = None
    denoising_strength: float | None = Field(default=None, ge=0, le=1)
    resize_mode: ResizeMode = "crop"
    mask_blur: int = Field(default=4, ge=0, le=64)
    inpainting_fill: MaskedContent = "original"
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = Field(default=32, ge=0, le=256)
    inpainting_mask_invert: bool = False
    expand_left: int = Field(default=0, ge=0, le=2048)
    expand_right: int = Field(default=0, ge=0, le=2048)
    expand_top: int = Field(default=0, ge=0, le=2048)
    expand_bottom: int = Field(default=0, ge=0, le=2048)


class ControlNet(Txt2Img):
    """The tool ``controlnet``: txt2img guided by one or two control images."""

    control_image: InputFile
    control_model: str | None = None
    control_module: str | None = None
    control_weight: float = Field(default=1.0, ge=0, le=2)
    control_start: float = Field(default=0.0, ge=0, le=1)
    control_end: float = Field(default=1.0, ge=0, le=1)
    control_mode: ControlMode = "balanced"
    control_image_2: InputFile | None = None
    control_model_2: str | None = None
    control_module_2: str | None = None
    control_weight_2: float = Field(default=1.0, ge=0, le=2)
    control_start_2: float = Field(default=0.0, ge=0, le=1)
    control_end_2: float = Field(default=1.0, ge=0, le=1)
    control_mode_2: ControlMode = "balanced"


class Upscale(Parameters):
    """The tool ``upscale``: enlarge finished images without painting them anew."""

    images: Annotated[tuple[InputFile, ...], BeforeValidator(_one_or_more)] = Field(min_length=1)
    upscaler: str | None = None
    scale: float = Field(default=2.0, ge=1, le=8)
    width: int | None = Field(default=None, ge=64, le=16384)
    height: int | None = Field(default=None, ge=64, le=16384)
    upscaler_2: str | None = None
    upscaler_2_visibility: float = Field(default=0.5, ge=0, le=1)
    gfpgan_visibility: float = Field(default=0.0, ge=0, le=1)
    codeformer_visibility: float = Field(default=0.0, ge=0, le=1)
    codeformer_weight: float = Field(default=0.0, ge=0, le=1)
    output_format: OutputFormat = "original"


class Caption(Parameters):
    """The tool ``caption``: words for an image, usable as a prompt."""

    image: InputFile
    method: Literal["clip", "deepbooru"] = "clip"


class PngInfo(Parameters):
    """The tool ``png_info``: how an image was made, from what is written in its file."""

    image: InputFile


class ListResources(Parameters):
    """The tool ``list_resources``: what the server offers."""

    kind: ResourceKind = "all"
    filter: str = ""
    limit: int = Field(default=50, ge=1, le=50)
