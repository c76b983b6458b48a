"""A request that is decided: every name in the server's own spelling, every number set.

A plan is the same for all families: a dialect turns it into the body that its family understands,
and the receipt compares the response with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sdwebui.resources.names import Entry
from sdwebui.resources.readers import Checkpoint

Job = Literal["txt2img", "img2img"]


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA at a weight.

    Attributes:
        name: The name in the server's spelling.
        weight: How strongly the whole LoRA counts.
        arguments: What stands behind the name in a prompt tag: the weight, or "0.8:0.5" and such.
        path: Its file, which sd.cpp and KoboldCpp ask for.
        aliases: Other names under which an infotext may list it.
    """

    name: str
    weight: float
    arguments: str
    path: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HiresFix:
    """A second pass at ``scale`` times the size, or at ``size``.

    Attributes:
        steps: Steps of the second pass; 0 means as many as in the first.
        size: Width and height in pixels, instead of the scale.
        sampler: None means the first pass's; likewise for the attributes that follow.
    """

    scale: float
    upscaler: str
    steps: int
    denoising_strength: float
    size: tuple[int, int] | None = None
    sampler: str | None = None
    scheduler: str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    cfg_scale: float | None = None


@dataclass(frozen=True, slots=True)
class Refiner:
    """A second checkpoint that takes over after a share of the steps, 0–1."""

    checkpoint: Checkpoint
    switch_at: float


@dataclass(frozen=True, slots=True)
class Source:
    """The image that img2img starts from, ready to send.

    Attributes:
        image: Base64 of an RGB PNG.
        mask: Base64 of a mask of the same size, white where the image changes.
    """

    image: str = field(repr=False)
    denoising_strength: float
    resize_mode: int
    mask: str | None = field(default=None, repr=False)
    mask_blur: int = 4
    inpainting_fill: int = 1
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 32
    inpainting_mask_invert: bool = False


@dataclass(frozen=True, slots=True)
class ControlUnit:
    """A ControlNet unit; ``image`` is base64 of an RGB PNG, what is None is left to the server."""

    image: str = field(repr=False)
    model: str
    module: str
    weight: float
    start: float
    end: float
    mode: str
    resize_mode: str = "crop"
    pixel_perfect: bool = True
    processor_res: int | None = None
    threshold_a: float | None = None
    threshold_b: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be requested of the server.

    Attributes:
        seed: Seed of the first image; the others count up from it.
        count: Number of images wanted, 1 to 8.
        checkpoint: None leaves the one that is loaded.
        sampler: None leaves the server's own; likewise scheduler, vaes, clip_skip.
        face_restorer: Name of the face restorer; None restores no faces.
        variation: A second seed and how much of it is mixed in, 0–1.
        detailers: Arguments of each unit of the face detailer, ``ad_model`` among them.
        task: The id of the job.
        notes: What was changed on the way ("width 100 became 104"), for the user.
        extra: Fields that are merged into the body last.
    """

    job: Job
    prompt: str
    negative_prompt: str
    seed: int
    count: int
    width: int
    height: int
    steps: int
    cfg_scale: float
    checkpoint: Checkpoint | None = None
    sampler: Entry | None = None
    scheduler: Entry | None = None
    vaes: tuple[str, ...] = ()
    clip_skip: int | None = None
    distilled_cfg_scale: float | None = None
    loras: tuple[LoraUse, ...] = ()
    styles: tuple[str, ...] = ()
    hires: HiresFix | None = None
    refiner: Refiner | None = None
    face_restorer: str | None = None
    tiling: bool = False
    variation: tuple[int, float] | None = None
    detailers: tuple[Mapping[str, Any], ...] = ()
    source: Source | None = None
    controls: tuple[ControlUnit, ...] = ()
    task: str = ""
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> tuple[str, ...]:
        """All images that are sent, as base64; "" for a mask that is missing."""
        source = (self.source.image, self.source.mask or "") if self.source else ()
        return (*source, *(control.image for control in self.controls))
