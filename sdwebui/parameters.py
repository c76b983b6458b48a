"""What a user may ask for: one pydantic model a tool, the only place of names, types and ranges.

Each model lists which of its fields stand in the tool's form, from which ``tools/*.yaml`` is made:
``LLM`` is filled by an agent's model or a mapping, ``SETTINGS`` by who builds the app. The others
are details, which ``more_settings`` or a reproduced image fill in
(:mod:`sdwebui.planning.more_settings`).

Values come as Dify hands them over: numbers may be strings, and ``None``, ``""`` and ``"None"``
(what older Dify versions send for an untouched dropdown) all mean "not set".
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sdwebui.errors import InvalidInput
from sdwebui.form_texts import (
    number,
    plain_number,
    read_area,
    read_hires_fix,
    read_loras,
    read_names,
    read_object,
    read_size,
)

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
"""Pixels a side that are asked of a server: A1111 1.10.1 itself has no limits and fails."""

SIDE_STEP = 8
"""Width and height are multiples of this many pixels: the latent space is 8 times smaller."""

_UNSET = (None, "", "None")
_NO_MODEL = frozenset(
    {"", "default", "auto", "automatic", "current", "loaded", "none", "null", "string"}
    | {"undefined", "n/a"}
)
"""What an agent's model writes into ``model`` when it has no wish."""


_KEYS = {
    "vae": "VAE",
    "hires_fix": "Hires upscale",
    "face_detailer": "ADetailer model",
    "face_restorer": "Face restoration",
    "mask_padding": "Masked area padding",
    "scheduler": "Schedule type",
    "variation_strength": "Variation seed strength",
    "model_hash": "Model hash",
}
"""What generation data call a detail, where that is not the field's own name."""

_INTERNAL = frozenset(
    {
        "fields", "detailers", "extra", "lenient", "repeated", "notes", "controlnet_0",
        "controlnet_1", "reproduce",
    }
)  # fmt: skip
"""Details that no single key of a text sets."""


@runtime_checkable
class InputFile(Protocol):
    """An image that the user handed over; its bytes are fetched only when they are needed."""

    @property
    def name(self) -> str:
        """File name for messages."""

    def read(self) -> bytes:
        """Return the whole file.

        Raises:
            FileUnavailable: It could not be downloaded.
        """


def _is_unset(value: Any) -> bool:
    """Whether a value stands for a blank field."""
    return value is None or (isinstance(value, str) and value.strip() in _UNSET)


class _Part(BaseModel):
    """What one text field of a form holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedWeight(_Part):
    """A LoRA and how strongly it counts; 1 is its full, trained strength."""

    name: str
    weight: float = Field(default=1.0, ge=-10, le=10)


class Size(_Part):
    """Width and height in pixels; one that is None follows from the other."""

    width: int | None = Field(default=None, ge=SMALLEST_SIDE, le=LARGEST_SIDE)
    height: int | None = Field(default=None, ge=SMALLEST_SIDE, le=LARGEST_SIDE)


class TargetSize(_Part):
    """What an image is enlarged to, in pixels; one side that is None follows from the other."""

    width: int | None = Field(default=None, ge=64, le=16384)
    height: int | None = Field(default=None, ge=64, le=16384)


class Hires(_Part):
    """A hires fix: a second pass at a larger size; what is None is left to the server's family.

    ``size`` is used instead of ``scale`` where generation data names one. Steps 0 means as many as
    in the first pass.
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
    """Return a model's name, or None for a word that names none."""
    if isinstance(value, str) and value.strip().strip("\"'<>").casefold() in _NO_MODEL:
        return None
    return value


def _without_gaps(value: Any) -> Any:
    """Return a single file as a list of one, and a list without the None that Dify puts there."""
    if isinstance(value, InputFile):
        return [value]
    if isinstance(value, list | tuple):
        return [one for one in value if one not in _UNSET]
    return value


def _read_text(value: Any) -> Any:
    """Return an object that Dify hands over for a text as JSON."""
    return json.dumps(value) if isinstance(value, Mapping) else value


Text = Annotated[str, BeforeValidator(_read_text)]


class Parameters(BaseModel):
    """Base of all tools' parameters: unset values are dropped, unknown names refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, coerce_numbers_to_str=True
    )

    LLM: ClassVar[tuple[str, ...]] = ()
    SETTINGS: ClassVar[tuple[str, ...]] = ()
    IMAGE: ClassVar[str] = ""
    USELESS: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Check what a form, or an agent's model, gave.

        Raises:
            InvalidInput: Naming each wrong parameter, its range and what was given.
        """
        wanted = {
            name: value
            for name, value in given.items()
            if not _is_unset(value)
            # A prompt may be the very word None; an empty one is as good as none.
            or (name == "prompt" and value == "None")
        }
        strangers = [name for name in wanted if name not in {*cls.LLM, *cls.SETTINGS}]
        if strangers:
            raise InvalidInput(" ".join(map(cls._stranger, strangers)))
        requested = cls.build(wanted)
        if cls.IMAGE and not getattr(requested, cls.IMAGE):
            raise InvalidInput(
                f"{cls.IMAGE} is missing: hand over an image file. An agent whose tools get no "
                "files gives image_id instead."
            )
        return requested

    @classmethod
    def _stranger(cls, name: str) -> str:
        """Return the sentence for a parameter that the form does not have."""
        known = name in cls.model_fields and name not in _INTERNAL | cls.USELESS
        if not known or "more_settings" not in cls.SETTINGS:
            return f"There is no parameter {name[:60]}."
        key = _KEYS.get(name) or name.replace("_", " ").capitalize()
        return f"There is no parameter {name} in this form; write {key}: … in more_settings."

    @classmethod
    def build(cls, values: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Self:
        """Check values for any of the fields, details without a field in the form included.

        Args:
            values: By field.
            names: What messages call a field where that is another name.

        Raises:
            InvalidInput: Naming each wrong one.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            sentences = dict.fromkeys(_sentence(one, names or {}) for one in error.errors())
            raise InvalidInput(" ".join(sentences)) from None

    @property
    def explicit(self) -> dict[str, Any]:
        """What was given and differs from its default.

        Dify hands over the defaults of a form as if they had been given.
        """
        return {
            name: value
            for name in self.model_fields_set
            if (value := getattr(self, name)) != type(self).model_fields[name].default
        }


def _sentence(error: Any, names: Mapping[str, str]) -> str:
    """Return one of pydantic's findings as a sentence for who filled in the form."""
    place = [str(part) for part in error["loc"] if not isinstance(part, int)]
    # The text's own name for the field, or for the whole that the field is a part of.
    known = next((n for n in range(len(place), 0, -1) if ".".join(place[:n]) in names), 0)
    parts = [names[".".join(place[:known])]] if known else []
    name = ": ".join([*parts, *place[known:]]) or "parameters"
    if place == ["lora", "weight"]:
        name = name.removesuffix("weight") + "a weight"
    context = error.get("ctx", {})
    text = str(error["input"])[:60]
    given = f"(got {text if number(text) is not None else repr(text)})"
    match error["type"]:
        case "extra_forbidden":
            if len(place) == 1:
                return f"There is no parameter {name}."
            return f"{parts[0] if parts else place[0]} cannot be read {given}."
        case "greater_than_equal":
            return f"{name} must be at least {plain_number(context['ge'])} {given}."
        case "less_than_equal":
            return f"{name} must be at most {plain_number(context['le'])} {given}."
        case "literal_error":
            return f"{name} must be one of {context['expected']} {given}."
        case kind if kind.startswith(("int_", "float_")):
            return f"{name} must be a {'whole ' if kind.startswith('int_') else ''}number {given}."
        case kind if kind.startswith("bool_"):
            return f"{name} must be true or false {given}."
        case "is_instance_of" | "tuple_type":
            # What was given may be the signed address of a file.
            return f"{name} must be an image file."
        case "string_type":
            return f"{name} must be text {given}."
        case "value_error":
            return f"{name}: {context['error']}."
        case _:
            return f"{name}: {error['msg']} {given}."


class Generation(Parameters):
    """What all generating tools know: prompt, model, sampler, output; the rest are details.

    Attributes:
        model_hash: Of the checkpoint, where generation data names both; it wins where it is known.
        fields: Further fields of A1111's request, each with the name that generation data gives it.
        detailers: Arguments of ADetailer's units beside the detector.
        extra: Merged into the request's JSON last.
        lenient: Names of the fields that came from generation data: where the server lacks one, a
            warning is enough.
        repeated: Names of the fields that came from an image to repeat.
        notes: What is to be said of the generation data.
    """

    prompt: str = ""
    negative_prompt: str = ""
    image_count: int = Field(default=1, ge=1, le=8)
    seed: int = Field(default=-1, ge=-1, le=2**32 - 1)
    model: Annotated[str | None, BeforeValidator(read_model)] = None
    lora: Annotated[tuple[NamedWeight, ...], BeforeValidator(read_loras)] = ()
    size: Annotated[Size | None, BeforeValidator(read_size)] = None
    sampler: str | None = None
    steps: int | None = Field(default=None, ge=1, le=150)
    cfg_scale: float | None = Field(default=None, ge=0, le=30)
    face_detailer: str | None = None
    vae: str | None = None
    clip_skip: int | None = Field(default=None, ge=1, le=12)
    model_family: ModelFamily = "auto"
    output_format: OutputFormat = "original"
    more_settings: Text = ""

    model_hash: str | None = None
    styles: Annotated[tuple[str, ...], BeforeValidator(read_names)] = ()
    scheduler: str | None = None
    distilled_cfg_scale: float | None = Field(default=None, ge=0, le=30)
    refiner: str | None = None
    refiner_switch_at: float = Field(default=0.8, ge=0, le=1)
    face_restorer: FaceRestorer | None = None
    tiling: bool = False
    variation_seed: int | None = Field(default=None, ge=-1, le=2**32 - 1)
    variation_strength: float = Field(default=0.0, ge=0, le=1)
    fields: tuple[tuple[str, str, Any], ...] = ()
    detailers: tuple[dict[str, Any], ...] = ()
    extra: Annotated[dict[str, Any], BeforeValidator(read_object)] = Field(default_factory=dict)
    lenient: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


class Txt2Img(Generation):
    """The tool ``sd_txt2img``: new images from a prompt."""

    LLM: ClassVar[tuple[str, ...]] = (
        "prompt", "negative_prompt", "aspect_ratio", "image_count", "seed", "model", "reproduce",
    )  # fmt: skip
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "lora", "size", "sampler", "steps", "cfg_scale", "hires_fix", "face_detailer", "vae",
        "clip_skip", "model_family", "output_format", "more_settings",
    )  # fmt: skip

    aspect_ratio: AspectRatio = "1:1"
    hires_fix: Annotated[Hires | None, BeforeValidator(read_hires_fix)] = None
    reproduce: InputFile | None = None


class Img2Img(Generation):
    """The tool ``sd_img2img``: a whole image changed by a prompt.

    The fields of a mask and of the room to paint into are those of its two relatives below.
    """

    LLM: ClassVar[tuple[str, ...]] = (
        "image", "prompt", "negative_prompt", "denoising_strength", "image_count", "seed", "model",
        "image_id",
    )  # fmt: skip
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "lora", "size", "resize_mode", "sampler", "steps", "cfg_scale", "face_detailer", "vae",
        "clip_skip", "model_family", "output_format", "more_settings",
    )  # fmt: skip
    IMAGE: ClassVar[str] = "image"

    image: InputFile | None = None
    image_id: str | None = None
    denoising_strength: float | None = Field(default=None, ge=0, le=1)
    resize_mode: ResizeMode = "crop"


class Masked(Img2Img):
    """What repainting a part of an image needs, whether it lies in it or around it."""

    masked_content: MaskedContent = "original"
    inpaint_area: InpaintArea = "only_masked"
    mask_blur: int = Field(default=4, ge=0, le=64)
    mask_padding: int = Field(default=32, ge=0, le=256)


class Inpaint(Masked):
    """The tool ``sd_inpaint``: a part of an image repainted."""

    LLM: ClassVar[tuple[str, ...]] = (
        "image", "mask", "mask_area", "prompt", "negative_prompt", "denoising_strength",
        "image_count", "seed", "model", "image_id",
    )  # fmt: skip
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "masked_content", "inpaint_area", "mask_blur", "mask_mode", "lora", "size", "sampler",
        "steps", "cfg_scale", "vae", "output_format", "more_settings",
    )  # fmt: skip

    mask: InputFile | None = None
    mask_area: Annotated[tuple[float, float, float, float] | None, BeforeValidator(read_area)] = (
        None
    )
    mask_mode: MaskMode = "masked"


class Outpaint(Masked):
    """The tool ``sd_outpaint``: an image extended beyond its edges."""

    LLM: ClassVar[tuple[str, ...]] = (
        "image", "prompt", "negative_prompt", "expand_left", "expand_right", "expand_top",
        "expand_bottom", "image_count", "seed", "model", "image_id",
    )  # fmt: skip
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "denoising_strength", "masked_content", "mask_blur", "lora", "sampler", "steps",
        "cfg_scale", "vae", "output_format", "more_settings",
    )  # fmt: skip

    # The sides that grow decide the size, and the whole image shows where to go on.
    USELESS: ClassVar[frozenset[str]] = frozenset({"size", "resize_mode", "inpaint_area"})

    expand_left: int = Field(default=0, ge=0, le=2048)
    expand_right: int = Field(default=0, ge=0, le=2048)
    expand_top: int = Field(default=0, ge=0, le=2048)
    expand_bottom: int = Field(default=0, ge=0, le=2048)
    masked_content: MaskedContent = "fill"
    mask_blur: int = Field(default=8, ge=0, le=64)


class ControlNet(Txt2Img):
    """The tool ``sd_controlnet``: txt2img guided by one or two control images."""

    LLM: ClassVar[tuple[str, ...]] = (
        "control_image", "prompt", "negative_prompt", "aspect_ratio", "image_count", "seed",
        "model", "control_image_2", "image_id",
    )  # fmt: skip
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "control_module", "control_model", "control_weight", "control_end", "control_mode", "lora",
        "size", "sampler", "steps", "cfg_scale", "output_format", "more_settings",
    )  # fmt: skip
    IMAGE: ClassVar[str] = "control_image"

    control_image: InputFile | None = None
    image_id: str | None = None
    control_module: str | None = None
    control_model: str | None = None
    control_weight: float = Field(default=1.0, ge=0, le=2)
    control_end: float = Field(default=1.0, ge=0, le=1)
    control_mode: ControlMode = "balanced"
    control_image_2: InputFile | None = None
    controlnet_0: Control = Control()
    controlnet_1: Control = Control()


class Upscale(Parameters):
    """The tool ``sd_upscale``: finished images enlarged without painting them anew."""

    LLM: ClassVar[tuple[str, ...]] = ("images", "scale", "image_id")
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "upscaler", "size", "upscaler_2", "upscaler_2_visibility", "gfpgan_visibility",
        "codeformer_visibility", "codeformer_weight", "output_format",
    )  # fmt: skip
    IMAGE: ClassVar[str] = "images"

    images: Annotated[tuple[InputFile, ...], BeforeValidator(_without_gaps)] = ()
    scale: float = Field(default=2.0, ge=1, le=8)
    image_id: str | None = None
    upscaler: str | None = None
    size: Annotated[TargetSize | None, BeforeValidator(read_size)] = None
    upscaler_2: str | None = None
    upscaler_2_visibility: float = Field(default=0.5, ge=0, le=1)
    gfpgan_visibility: float = Field(default=0.0, ge=0, le=1)
    codeformer_visibility: float = Field(default=0.0, ge=0, le=1)
    codeformer_weight: float = Field(default=0.0, ge=0, le=1)
    output_format: OutputFormat = "original"


class Caption(Parameters):
    """The tool ``sd_caption``: words for an image, usable as a prompt."""

    LLM: ClassVar[tuple[str, ...]] = ("image", "image_id")
    SETTINGS: ClassVar[tuple[str, ...]] = ("method",)
    IMAGE: ClassVar[str] = "image"

    image: InputFile | None = None
    image_id: str | None = None
    method: CaptionMethod = "clip"


class PngInfo(Parameters):
    """The tool ``sd_png_info``: how an image was made, from what is written in its file."""

    LLM: ClassVar[tuple[str, ...]] = ("image", "image_id")
    IMAGE: ClassVar[str] = "image"

    image: InputFile | None = None
    image_id: str | None = None


class ListResources(Parameters):
    """The tool ``sd_list_resources``: what the server offers."""

    LLM: ClassVar[tuple[str, ...]] = ("kind", "filter")

    kind: ResourceKind = "all"
    filter: str = ""
