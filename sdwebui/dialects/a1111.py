"""AUTOMATIC1111 1.10, the base of all dialects; reForge speaks it too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sdwebui.dialects.extra import merged
from sdwebui.dialects.infotexts import Infotexts
from sdwebui.dialects.plan import ControlUnit, Plan, Source
from sdwebui.dialects.probe import Probe
from sdwebui.parameters import CaptionMethod, ResourceKind
from sdwebui.resources.kinds import Resource

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """A request for words about an image.

    Attributes:
        path: Path of the endpoint.
        body: The JSON to send.
        key: Key of the response that holds the words.
    """

    path: str
    body: Body
    key: str


_CONTROL_MODES = {
    "balanced": "Balanced",
    "prompt": "My prompt is more important",
    "control": "ControlNet is more important",
}
_CONTROL_RESIZE_MODES = {
    "stretch": "Just Resize",
    "crop": "Crop and Resize",
    "fill": "Resize and Fill",
}


@dataclass(frozen=True, slots=True)
class Dialect(Infotexts):
    """The dialect of AUTOMATIC1111, and what a family may do differently.

    Attributes:
        tasks: ``force_task_id`` and ``/internal/progress`` work, so that a job can be found again.
        schedulers: Sampler and scheduler are separate; before 1.9 one name held both.
    """

    tasks: bool = True
    schedulers: bool = True

    family: ClassVar[str] = "a1111"
    title: ClassVar[str] = "AUTOMATIC1111"
    most_steps: ClassVar[int] = 150
    most_cfg_scale: ClassVar[float] = 30.0
    most_seed: ClassVar[int] = 2**32 - 1
    needs_prompt: ClassVar[bool] = False
    one_model: ClassVar[bool] = False
    # The lists that serve parameters of the same name; None where the family has none.
    vaes: ClassVar[Resource | None] = Resource.VAES
    several_vaes: ClassVar[bool] = False
    several_vaes_hint: ClassVar[str] = "several, with text encoders, are for Forge."
    face_detailers: ClassVar[Resource | None] = Resource.FACE_DETAILERS
    hires_upscaler: ClassVar[str] = "Latent"
    # Whether it has ControlNet, and how to get it where a server lacks the extension.
    controlnet: ClassVar[bool] = True
    controlnet_hint: ClassVar[str] = (
        "Install sd-webui-controlnet in the WebUI (Extensions, Install from URL) and restart it; "
        "Forge has it built in."
    )
    # What to do about a VAE that was in force though no request set it.
    leaked_vae_hint: ClassVar[str] = 'set vae to "Automatic", or choose another in the WebUI.'
    # Whether finished images can be enlarged, and what to do where no upscaler is listed.
    upscales: ClassVar[bool] = True
    upscaler_hint: ClassVar[str] = "Use another server."
    resize_modes: ClassVar[bool] = True
    # Whether a mask has options beside its inversion.
    mask_options: ClassVar[bool] = True
    # Parts of a hires fix beside scale, size, upscaler, steps and denoising strength.
    hires_parts: ClassVar[frozenset[str]] = frozenset(
        {"sampler", "scheduler", "prompt", "negative_prompt"}
    )
    # Parameters that the family ignores or cannot do, and what to do instead.
    unsupported: ClassVar[Mapping[str, str]] = {
        "distilled_cfg_scale": "it is for Flux models on Forge",
    }

    def resource(self, kind: ResourceKind) -> Resource | None:
        """Return the list of a kind of resources; None where the family has none."""
        match kind:
            case "vaes":
                return self.vaes
            case "face_detailers":
                return self.face_detailers
            case "schedulers" if not self.schedulers:
                return None
            case "controlnet_models" if not self.controlnet:
                return None
        return Resource["CHECKPOINTS" if kind == "models" else kind.upper()]

    def caption(self, image: str, method: CaptionMethod) -> CaptionRequest:
        """Return the request for words about an image.

        Args:
            image: The image as base64.
            method: "clip" for a sentence, "deepbooru" for tags.

        Raises:
            Unsupported: The family has no such endpoint.
        """
        model = "deepdanbooru" if method == "deepbooru" else method
        return CaptionRequest("/sdapi/v1/interrogate", {"image": image, "model": model}, "caption")

    def takes(self, field: str) -> bool:
        """Return whether the family reads a further field of A1111's request, or an option.

        The recorded OpenAPI documents and options show which.
        """
        return field != "hr_distilled_cfg"

    def body(self, plan: Plan) -> Body:
        """Return the JSON body for a plan, ``extra`` merged in; no field is ever null."""
        return merged(self.fields(plan), plan.extra)

    def fields(self, plan: Plan) -> Body:
        """Return the fields of a plan in this family's words."""
        body: Body = {
            **essentials(plan),
            "prompt": _with_tags(plan),
            "batch_size": 1,
            # One after the other: as many at once could be too much for the GPU's memory.
            "n_iter": plan.count,
            "send_images": True,
            "save_images": False,
            **sampling(plan),
        }
        if plan.styles:
            body["styles"] = list(plan.styles)
        if plan.face_restorer:
            body["restore_faces"] = True
        if plan.variation:
            body["subseed"], body["subseed_strength"] = plan.variation
        if plan.tiling:
            body["tiling"] = True
        if plan.task and self.tasks:
            body["force_task_id"] = plan.task
        if plan.refiner:
            body["refiner_checkpoint"] = plan.refiner.checkpoint.name
            body["refiner_switch_at"] = plan.refiner.switch_at
        if plan.hires:
            body |= self.hires(plan)
        if plan.source:
            body |= _img2img(plan.source)
        overrides = self.overrides(plan)
        if overrides:
            body["override_settings"] = overrides
            body["override_settings_restore_afterwards"] = True
        scripts = self.scripts(plan)
        if scripts:
            body["alwayson_scripts"] = scripts
        return body

    def hires(self, plan: Plan) -> Body:
        """Return the fields of the second pass.

        A1111 fails without upscaler and denoising strength (500 TypeError).
        """
        hires = plan.hires
        assert hires  # noqa: S101
        body: Body = {
            "enable_hr": True,
            "hr_scale": hires.scale,
            "hr_upscaler": hires.upscaler,
            "hr_second_pass_steps": hires.steps,
            "denoising_strength": hires.denoising_strength,
        }
        if hires.size:
            body["hr_resize_x"], body["hr_resize_y"] = hires.size
        wanted = {
            "hr_sampler_name": hires.sampler,
            "hr_scheduler": hires.scheduler,
            "hr_prompt": hires.prompt,
            "hr_negative_prompt": hires.negative_prompt,
        }
        return body | {name: value for name, value in wanted.items() if value}

    def overrides(self, plan: Plan) -> Body:
        """Return the options that the user set.

        No others are sent, since overrides can outlive their request (recordings txt2img-leak-*).
        """
        overrides: Body = {}
        if plan.checkpoint:
            overrides["sd_model_checkpoint"] = plan.checkpoint.name
        if plan.vaes:
            overrides["sd_vae"] = plan.vaes[0]
        if plan.clip_skip:
            overrides["CLIP_stop_at_last_layers"] = plan.clip_skip
        if plan.face_restorer:
            overrides["face_restoration_model"] = plan.face_restorer
        return overrides

    def scripts(self, plan: Plan) -> Body:
        """Return the arguments of the extensions ADetailer and ControlNet."""
        scripts: Body = {}
        if plan.detailers:
            scripts["ADetailer"] = {"args": [True, False, *map(dict, plan.detailers)]}
        if plan.controls:
            scripts["ControlNet"] = {"args": [_unit(control) for control in plan.controls]}
        return scripts

    @classmethod
    def requested_vae(cls, body: Mapping[str, Any]) -> Any:
        """Return what a request says of the VAE; None where it says nothing."""
        return overrides_in(body).get("sd_vae")

    @classmethod
    def requested_clip_skip(cls, body: Mapping[str, Any]) -> Any:
        """Return what a request says of clip skip; None where it says nothing.

        A family reads one of the two fields. Both are looked at, so that it is noticed when
        ``extra`` uses the one that has no effect.
        """
        return body.get("clip_skip") or overrides_in(body).get("CLIP_stop_at_last_layers")

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """Return the dialect of the probed server; None where it is of another family.

        A1111 comes last and takes what nobody else knows. Schedulers came with 1.9, task ids in
        the API with 1.8.
        """
        if probe.routes:
            return cls(probe.has_tasks, "/sdapi/v1/schedulers" in probe.routes)
        schedulers = isinstance(probe.get("/sdapi/v1/schedulers"), list)
        return cls(schedulers and probe.has_tasks, schedulers)

    def images_in(self, body: Mapping[str, Any]) -> int:
        """Return how many images one request with this body makes."""
        return whole(body.get("batch_size")) * whole(body.get("n_iter"))


def whole(value: Any) -> int:
    """Return a count of a body; 1 for what is none, which the server refuses anyway."""
    return value if isinstance(value, int) and value > 0 else 1


def essentials(plan: Plan) -> Body:
    """Return the fields that every family reads."""
    return {
        "negative_prompt": plan.negative_prompt,
        "seed": plan.seed,
        "width": plan.width,
        "height": plan.height,
        "steps": plan.steps,
        "cfg_scale": plan.cfg_scale,
    }


def sampling(plan: Plan) -> Body:
    """Return the fields of sampler and scheduler, where they are set."""
    body: Body = {}
    if plan.sampler:
        body["sampler_name"] = plan.sampler.name
    if plan.scheduler:
        body["scheduler"] = plan.scheduler.name
    return body


def overrides_in(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options that a body overrides."""
    overrides = body.get("override_settings")
    return overrides if isinstance(overrides, Mapping) else {}


def _with_tags(plan: Plan) -> str:
    tags = [f"<lora:{lora.name}:{lora.arguments}>" for lora in plan.loras]
    return " ".join(filter(None, [plan.prompt, *tags]))


def plain_img2img(source: Source) -> Body:
    """Return the fields of img2img that every family reads."""
    body: Body = {
        "init_images": [source.image],
        "denoising_strength": source.denoising_strength,
    }
    if source.mask:
        body |= {
            "mask": source.mask,
            "inpainting_mask_invert": int(source.inpainting_mask_invert),
        }
    return body


def _img2img(source: Source) -> Body:
    body = {**plain_img2img(source), "resize_mode": source.resize_mode}
    if source.mask:
        body |= {
            "mask_blur": source.mask_blur,
            "inpainting_fill": source.inpainting_fill,
            "inpaint_full_res": source.inpaint_full_res,
            "inpaint_full_res_padding": source.inpaint_full_res_padding,
        }
    return body


def _unit(control: ControlUnit) -> Body:
    """Return a ControlNet unit in the words that both A1111's extension and Forge read."""
    unit: Body = {
        "enabled": True,
        "image": control.image,
        "module": control.module,
        "model": control.model,
        "weight": control.weight,
        "guidance_start": control.start,
        "guidance_end": control.end,
        "control_mode": _CONTROL_MODES[control.mode],
        "resize_mode": _CONTROL_RESIZE_MODES[control.resize_mode],
        "pixel_perfect": control.pixel_perfect,
        # Detect maps would otherwise follow the images.
        "save_detected_map": False,
    }
    further = {
        "processor_res": control.processor_res,
        "threshold_a": control.threshold_a,
        "threshold_b": control.threshold_b,
    }
    return unit | {name: value for name, value in further.items() if value is not None}
