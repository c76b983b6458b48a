"""Tables of the parameters and request fields that the keys of generation data set.

Keys are those of A1111's ``infotext_utils.py`` and ``processing.py`` (1.10), which Forge shares,
and those that SD.Next and stable-diffusion.cpp write (recordings). Options are named as in A1111's
form.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sdwebui.dialects import FAMILIES
from sdwebui.infotext.fields import Infotext
from sdwebui.resources.names import folded


def option(text: str | None, options: Mapping[str, str]) -> str | None:
    """Return the option that a WebUI's form shows as this text; any other text as it is."""
    return text and options.get(folded(text), text)


def switch(text: str | None) -> bool | str | None:
    """Return True or False for a text such as "on"; any other text as it is."""
    if not text:
        return None
    values = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    return values.get(text.strip().casefold(), text)


RESIZE_MODES = {
    "justresize": "stretch",
    "cropandresize": "crop",
    "resizeandfill": "fill",
    "justresize(latentupscale)": "latent",
    "resizemode.resize": "stretch",
    "resizemode.innerfit": "crop",
    "resizemode.outerfit": "fill",
}
_MASKED_CONTENT = {"latentnoise": "noise", "latentnothing": "nothing"}
_AREAS = {"wholepicture": "whole", "wholeimage": "whole", "onlymasked": "only_masked"}
_MASK_MODES = {"inpaintmasked": "masked", "inpaintnotmasked": "not_masked"}
CONTROL_MODES = {
    "mypromptismoreimportant": "prompt",
    "controlnetismoreimportant": "control",
    "balanced": "balanced",
    # Forge writes the names of its enumerations (recordings txt2img-controlnet-*).
    "controlmode.balanced": "balanced",
    "controlmode.prompt": "prompt",
    "controlmode.control": "control",
}
_FAMILIES = {
    "automatic": "auto", "sd1.5": "sd15", "sd1": "sd15", "sd15": "sd15", "sd2": "sd2",
    "sdxl": "sdxl", "pony": "sdxl", "illustrious": "sdxl", "sd3": "sd3", "sd3.5": "sd3",
    "flux": "flux", "flux.1": "flux", "chroma": "flux", "qwen": "qwen", "qwenimage": "qwen",
    "zimage": "zimage",
}  # fmt: skip

_RESTORERS = {"codeformer": "CodeFormer", "gfpgan": "GFPGAN"}

_Read = Callable[[Infotext], Any]


def _size(info: Infotext) -> str | None:
    """Return the size as it is written; sd.cpp writes 0x0 for none."""
    text = info.get("Size")
    return None if text and set(text) <= set("0x ") else text


def _scheduler(info: Infotext) -> str | None:
    """Return the schedule type."""
    is_class = info.writer.scheduler_is_class
    return info.scheduler or (None if is_class else info.get("Scheduler"))


PARAMETERS: tuple[tuple[str, tuple[str, ...], _Read], ...] = (
    ("prompt", ("Prompt",), lambda info: info.get("Prompt") or info.prompt or None),
    (
        "negative_prompt",
        ("Negative prompt",),
        lambda info: info.get("Negative prompt") or info.negative_prompt or None,
    ),
    ("seed", ("Seed",), lambda info: info.seed),
    ("steps", ("Steps",), lambda info: info.steps),
    ("cfg_scale", ("CFG scale",), lambda info: info.cfg_scale),
    ("distilled_cfg_scale", ("Distilled CFG Scale",), lambda info: info.distilled_cfg_scale),
    ("sampler", ("Sampler",), lambda info: info.sampler),
    ("scheduler", ("Schedule type", "Scheduler"), _scheduler),
    ("size", ("Size",), _size),
    ("model", ("Model",), lambda info: info.model),
    ("model_hash", ("Model hash",), lambda info: info.model_hash),
    ("vae", ("VAE",), lambda info: ", ".join(info.modules) or info.vae),
    ("lora", ("LoRA",), lambda info: info.get("LoRA")),
    ("clip_skip", ("Clip skip",), lambda info: info.clip_skip),
    ("styles", ("Styles",), lambda info: info.get("Styles")),
    ("refiner", ("Refiner",), lambda info: info.refiner),
    ("refiner_switch_at", ("Refiner switch at",), lambda info: info.refiner_switch_at),
    ("face_restorer", ("Face restoration",), lambda i: option(i.face_restoration, _RESTORERS)),
    ("tiling", ("Tiling",), lambda info: switch(info.get("Tiling"))),
    ("variation_seed", ("Variation seed",), lambda info: info.variation_seed),
    (
        "variation_strength",
        ("Variation seed strength", "Variation strength"),
        lambda info: info.variation_strength,
    ),
    ("hires_fix.scale", ("Hires upscale", "Hires scale"), lambda info: info.hires_scale),
    ("hires_fix.upscaler", ("Hires upscaler",), lambda info: info.hires_upscaler),
    ("hires_fix.steps", ("Hires steps",), lambda info: info.hires_steps),
    (
        "hires_fix.size",
        ("Hires resize", "Hires size"),
        lambda info: info.hires_size and "{}x{}".format(*info.hires_size),
    ),
    ("hires_fix.sampler", ("Hires sampler",), lambda info: info.get("Hires sampler")),
    ("hires_fix.scheduler", ("Hires schedule type",), lambda i: i.get("Hires schedule type")),
    ("hires_fix.prompt", ("Hires prompt",), lambda info: info.get("Hires prompt")),
    (
        "hires_fix.negative_prompt",
        ("Hires negative prompt",),
        lambda info: info.get("Hires negative prompt"),
    ),
    ("hires_fix.cfg_scale", ("Hires CFG Scale",), lambda info: info.get("Hires CFG Scale")),
    (
        "denoising_strength",
        ("Denoising strength", "Hires strength"),
        lambda info: info.denoising_strength,
    ),
    (
        "face_detailer",
        ("ADetailer model", "Face detailer"),
        lambda i: i.get("ADetailer model", "Face detailer"),
    ),
    ("mask_blur", ("Mask blur",), lambda info: info.get("Mask blur")),
    ("mask_padding", ("Masked area padding",), lambda info: info.get("Masked area padding")),
    ("inpaint_area", ("Inpaint area",), lambda i: option(i.get("Inpaint area"), _AREAS)),
    (
        "masked_content",
        ("Masked content",),
        lambda info: option(info.get("Masked content"), _MASKED_CONTENT),
    ),
    ("mask_mode", ("Mask mode",), lambda info: option(info.get("Mask mode"), _MASK_MODES)),
    ("resize_mode", ("Resize mode",), lambda i: option(i.get("Resize mode"), RESIZE_MODES)),
    (
        "model_family",
        ("Model family",),
        lambda info: option((info.get("Model family") or "").lower() or None, _FAMILIES),
    ),
)
"""Parameter, the keys that set it (families write different ones), and its reader."""

_ANY_UNIT = {
    "preprocessor": "module", "controlmode": "mode", "pixelperfect": "pixel_perfect",
    "processorres": "processor_res", "thresholda": "threshold_a", "thresholdb": "threshold_b",
}  # fmt: skip
UNIT = {
    **_ANY_UNIT, "module": "module", "model": "model", "weight": "weight",
    "guidancestart": "start", "guidanceend": "end", "resizemode": "resize_mode",
}  # fmt: skip
"""Keys within the value of a ControlNet unit, folded, and the parts that they set."""

FIRST_UNIT = {
    **_ANY_UNIT, "controlnetmodel": "model", "controlweight": "weight",
    "startingcontrolstep": "start", "endingcontrolstep": "end",
}  # fmt: skip
"""Keys outside a ControlNet unit, folded, that set parts of the first one."""

_OPTION = "override_settings."
REQUEST: Mapping[str, tuple[str, type]] = {
    "Eta": ("eta", float),
    "Eta DDIM": (f"{_OPTION}eta_ddim", float),
    "Extra noise": (f"{_OPTION}img2img_extra_noise", float),
    "Conditional mask weight": (f"{_OPTION}inpainting_mask_weight", float),
    "NGMS all steps": (f"{_OPTION}s_min_uncond_all", bool),
    "Old prompt editing timelines": (f"{_OPTION}use_old_scheduling", bool),
    "ENSD": (f"{_OPTION}eta_noise_seed_delta", int),
    "RNG": (f"{_OPTION}randn_source", str),
    "NGMS": ("s_min_uncond", float),
    "Sigma churn": ("s_churn", float),
    "Sigma tmin": ("s_tmin", float),
    "Sigma tmax": ("s_tmax", float),
    "Sigma noise": ("s_noise", float),
    "Seed resize from": ("seed_resize_from", str),
    "Image CFG scale": ("image_cfg_scale", float),
    "Hires checkpoint": ("hr_checkpoint_name", str),
    "Hires Distilled CFG Scale": ("hr_distilled_cfg", float),
    "Token merging ratio": (f"{_OPTION}token_merging_ratio", float),
    "Token merging ratio hr": (f"{_OPTION}token_merging_ratio_hr", float),
    "Noise multiplier": (f"{_OPTION}initial_noise_multiplier", float),
    "Emphasis": (f"{_OPTION}emphasis", str),
    "Skip Early CFG": (f"{_OPTION}skip_early_cond", float),
    "Pad conds": (f"{_OPTION}pad_cond_uncond", bool),
    "Pad conds v0": (f"{_OPTION}pad_cond_uncond_v0", bool),
    "Discard penultimate sigma": (f"{_OPTION}always_discard_next_to_last_sigma", bool),
    "SGM noise multiplier": (f"{_OPTION}sgm_noise_multiplier", bool),
    "Schedule min sigma": (f"{_OPTION}sigma_min", float),
    "Schedule max sigma": (f"{_OPTION}sigma_max", float),
    "Schedule rho": (f"{_OPTION}rho", float),
    "Beta schedule alpha": (f"{_OPTION}beta_dist_alpha", float),
    "Beta schedule beta": (f"{_OPTION}beta_dist_beta", float),
    "UniPC variant": (f"{_OPTION}uni_pc_variant", str),
    "UniPC skip type": (f"{_OPTION}uni_pc_skip_type", str),
    "UniPC order": (f"{_OPTION}uni_pc_order", int),
    "UniPC lower order final": (f"{_OPTION}uni_pc_lower_order_final", bool),
    "VAE Encoder": (f"{_OPTION}sd_vae_encode_method", str),
    "VAE Decoder": (f"{_OPTION}sd_vae_decode_method", str),
    "Downcast alphas_cumprod": (f"{_OPTION}use_downcasted_alpha_bar", bool),
    "Refiner switch by sampling steps": (f"{_OPTION}refiner_switch_by_sample_steps", bool),
}
"""Keys without a parameter, as fields and options of A1111's request."""

DESCRIPTIVE = (
    "Version", "Parser", "Pipeline", "Operations", "Template", "Negative Template",
    "Batch", "Batch size", "Batch pos", "Index", "Created Date", "User", "Hashes", "VAE hash",
    "Lora hashes", "TI hashes", "TI", "Networks", "Init image hash",
    "Init image size", "Mask hash", "Grid", "Diffusion in Low Bits",
    "Model requested", "Guidance", "CFG rescale", "Civitai resources",
    "Civitai metadata", "ADetailer version", "Hires force", "HiRes mode", "Hires fix", "Refine",
    "Postprocess upscaler", "Postprocess upscale by", "Postprocess upscale to",
    "Postprocess crop to", "Shift", "Backend", "Width", "Height",
    *(name for family in FAMILIES for name in family.own_fields),
)  # fmt: skip
"""Keys that describe how an image was made and that no request can set."""

INSTEAD = {
    "batchsize": "image_count",
    "batch": "image_count",
    "width": "Size",
    "height": "Size",
    "hiresfix": "Hires upscale",
}
"""What to write instead of a descriptive key, folded."""

DETAILER_NAMES = {
    "inpaintpadding": "inpaint_only_masked_padding",
    "maskonlytopklargest": "mask_k_largest",
    "useseparatesteps": "use_steps",
    "useseparatecfgscale": "use_cfg_scale",
    "useseparatesampler": "use_sampler",
    "useseparatecheckpoint": "use_checkpoint",
    "useseparatevae": "use_vae",
    "useseparateclipskip": "use_clip_skip",
    "useseparatenoisemultiplier": "use_noise_multiplier",
}
"""Keys of ADetailer, folded, whose argument has another name."""

DETAILER_ARGUMENTS = frozenset(
    {
        "model", "model_classes", "tab_enable", "prompt", "negative_prompt", "confidence",
        "mask_filter_method", "mask_k", "mask_k_largest", "mask_min_ratio", "mask_max_ratio",
        "x_offset", "y_offset", "dilate_erode", "mask_merge_invert", "mask_blur",
        "denoising_strength", "inpaint_only_masked", "inpaint_only_masked_padding",
        "use_inpaint_width_height", "inpaint_width", "inpaint_height", "use_steps", "steps",
        "use_cfg_scale", "cfg_scale", "use_checkpoint", "checkpoint", "use_vae", "vae",
        "use_sampler", "sampler", "scheduler", "use_noise_multiplier", "noise_multiplier",
        "use_clip_skip", "clip_skip", "restore_face", "controlnet_model", "controlnet_module",
        "controlnet_weight", "controlnet_guidance_start", "controlnet_guidance_end", "version",
    }
)  # fmt: skip
"""Arguments of ADetailer's API without their prefix ``ad_`` (its ``args.py``)."""

SWITCHED = ("steps", "cfg_scale", "sampler", "checkpoint", "vae", "clip_skip", "noise_multiplier")
"""Arguments of ADetailer that need ``ad_use_…`` beside them."""
