"""What a user can request: one pydantic model a tool, the only place of names, types and ranges.

Each model lists which of its fields stand in the tool's form, from which ``tools/*.yaml`` is made:
``LLM`` is filled by an agent's model or a mapping, ``SETTINGS`` by who builds the app. The others
are details, which ``more_settings`` or a reproduced image fill in
(:mod:`sdwebui.planning.more_settings`).

Values come as Dify hands them over: numbers may be strings, and ``None``, ``""`` and ``"None"``
(what older Dify versions send for an untouched dropdown) all mean "not set".
"""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from sdwebui.form_texts import (
    read_area,
    read_hires_fix,
    read_loras,
    read_names,
    read_object,
    read_size,
)
from sdwebui.parameter_checks import Parameters
from sdwebui.parameter_types import (
    AspectRatio,
    CaptionMethod,
    Control,
    ControlMode,
    FaceRestorer,
    Hires,
    InpaintArea,
    InputFile,
    MaskedContent,
    MaskMode,
    ModelFamily,
    NamedWeight,
    OutputFormat,
    ResizeMode,
    ResourceKind,
    Size,
    TargetSize,
    Text,
    read_files,
    read_model,
)

__all__ = [
    "AspectRatio",
    "Caption",
    "CaptionMethod",
    "Control",
    "ControlMode",
    "ControlNet",
    "FaceRestorer",
    "Generation",
    "Hires",
    "Img2Img",
    "Inpaint",
    "InpaintArea",
    "InputFile",
    "ListResources",
    "MaskMode",
    "Masked",
    "MaskedContent",
    "ModelFamily",
    "NamedWeight",
    "Outpaint",
    "OutputFormat",
    "Parameters",
    "PngInfo",
    "ResizeMode",
    "ResourceKind",
    "Size",
    "TargetSize",
    "Txt2Img",
    "Upscale",
    "read_model",
]


class Generation(Parameters):
    """The parameters of all generating tools: prompt, model, sampler, output, and details.

    Attributes:
        model_hash: Of the checkpoint; preferred to ``model`` on a server that knows the hash.
        fields: Further fields of A1111's request: key in generation data, path, value.
        detailers: Arguments of ADetailer's units beside the detector.
        extra: Merged into the request's JSON last.
        lenient: Names of the fields that came from generation data. A server that lacks one of
            these features causes a warning, not an error.
        repeated: Names of the fields that came from an image to repeat.
        notes: Warnings about the generation data.
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

    :class:`Inpaint` adds the fields of a mask, :class:`Outpaint` those of the sides to extend.
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
    """The parameters of inpainting and outpainting."""

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

    # The sides that grow decide the size, and the whole image is always the context.
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
    """The tool ``sd_upscale``: finished images enlarged without painting them again."""

    LLM: ClassVar[tuple[str, ...]] = ("images", "scale", "image_id")
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "upscaler", "size", "upscaler_2", "upscaler_2_visibility", "gfpgan_visibility",
        "codeformer_visibility", "codeformer_weight", "output_format",
    )  # fmt: skip
    IMAGE: ClassVar[str] = "images"

    images: Annotated[tuple[InputFile, ...], BeforeValidator(read_files)] = ()
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
    """The tool ``sd_caption``: a description of an image, usable as a prompt."""

    LLM: ClassVar[tuple[str, ...]] = ("image", "image_id")
    SETTINGS: ClassVar[tuple[str, ...]] = ("method",)
    IMAGE: ClassVar[str] = "image"

    image: InputFile | None = None
    image_id: str | None = None
    method: CaptionMethod = "clip"


class PngInfo(Parameters):
    """The tool ``sd_png_info``: the generation data in an image file."""

    LLM: ClassVar[tuple[str, ...]] = ("image", "image_id")
    IMAGE: ClassVar[str] = "image"

    image: InputFile | None = None
    image_id: str | None = None


class ListResources(Parameters):
    """The tool ``sd_list_resources``: checkpoints, LoRAs, samplers and more of the server."""

    LLM: ClassVar[tuple[str, ...]] = ("kind", "filter")

    kind: ResourceKind = "all"
    filter: str = ""
