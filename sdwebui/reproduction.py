"""Repeating an image: its generation parameters as a tool's, explicit ones winning."""

from collections.abc import Mapping
from typing import Any

from sdwebui.errors import InvalidInput
from sdwebui.infotext import Infotext, foreign_maker, parse, read_parameters
from sdwebui.parameters import Txt2Img


def reproduced[Asked: Txt2Img](asked: Asked, file: bytes) -> Asked:
    """The parameters with those of an image filled in wherever the user left the default.

    Dify hands over the defaults of a form as if they had been given, so what equals its default
    does not count as explicit.

    Raises:
        InvalidInput: The file tells nothing, or values that no WebUI would take again.
    """
    text = read_parameters(file)
    infotext = parse(text) if text else None
    if infotext is None or not infotext.fields:
        maker = foreign_maker(file)
        raise InvalidInput(
            f"reproduce: the image was made by {maker}, whose notes cannot be repeated here."
            if maker
            else "reproduce: the image holds no generation parameters. Take the file that the "
            "WebUI made: messengers, editors and screenshots drop them."
        )
    explicit = {
        name: value
        for name in asked.model_fields_set
        if (value := getattr(asked, name)) != type(asked).model_fields[name].default
        and name != "reproduce"
    }
    found = parameters_of(infotext)
    if "aspect_ratio" in explicit:
        # It would have no say beside the image's own sides.
        found = {name: value for name, value in found.items() if name not in {"width", "height"}}
    extra = {**_beyond_the_form(infotext), **asked.extra}
    try:
        return type(asked).read({**found, **explicit, "extra": extra})
    except InvalidInput as error:
        raise InvalidInput(f"reproduce: from the image's parameters: {error}") from None


def parameters_of(infotext: Infotext) -> Mapping[str, Any]:
    """An infotext as the parameters of txt2img; what it does not say is left out."""
    hires = infotext.hires_upscaler or infotext.hires_scale
    found: dict[str, Any] = {
        "prompt": infotext.prompt,
        "negative_prompt": infotext.negative_prompt,
        "seed": infotext.seed,
        "steps": infotext.steps,
        "cfg_scale": infotext.cfg_scale,
        "distilled_cfg_scale": infotext.distilled_cfg_scale,
        "sampler": infotext.sampler,
        "scheduler": infotext.scheduler,
        "width": infotext.width,
        "height": infotext.height,
        "model": infotext.model_hash or infotext.model,
        "vae": ", ".join(infotext.modules) or infotext.vae,
        "clip_skip": infotext.clip_skip,
        "refiner": infotext.refiner,
        "refiner_switch_at": infotext.refiner_switch_at,
        "restore_faces": bool(infotext.face_restoration),
        "tiling": infotext.tiling,
        "enable_hr": bool(hires),
        "hr_scale": infotext.hires_scale,
        "hr_upscaler": infotext.hires_upscaler,
        "hr_steps": infotext.hires_steps,
        "denoising_strength": infotext.denoising_strength if hires else None,
        "face_detailer": infotext.get("ADetailer model"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _beyond_the_form(infotext: Infotext) -> Mapping[str, Any]:
    """What has no parameter, as fields of A1111's request, which Forge and SD.Next share."""
    found: dict[str, Any] = {}
    if infotext.variation_seed is not None and infotext.variation_strength:
        found["subseed"] = infotext.variation_seed
        found["subseed_strength"] = infotext.variation_strength
    if infotext.hires_size and not infotext.hires_scale:
        found["hr_resize_x"], found["hr_resize_y"] = infotext.hires_size
    return found
