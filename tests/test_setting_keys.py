"""Each key that WebUIs write into generation data is sent, or reported as left out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from sdwebui.errors import InvalidInput
from sdwebui.parameters import Generation, Img2Img, Inpaint, Txt2Img
from sdwebui.planning.setting_keys import PARAMETERS, REQUEST
from tests.recordings import case
from tests.settings import AREA, completed_with, holds, sent
from tests.webui import FAMILIES


@dataclass(frozen=True)
class Sample:
    """A value for a key, how it is sent, and the settings beside it that it needs."""

    value: str
    sent: dict[str, Any]
    kind: type[Generation] = Txt2Img
    family: str = "a1111"
    beside: str = ""
    form: dict[str, Any] = field(default_factory=lambda: {"prompt": "a cat"})


NO_PROMPT: dict[str, Any] = {"prompt": ""}
OTHER_SHAPE: dict[str, Any] = {"prompt": "a cat", "size": "64x128"}
NO_SEED: dict[str, Any] = {"prompt": "a cat", "seed": -1}

SAMPLES = {
    "prompt": Sample("a dog", {"prompt": "a dog"}, form=NO_PROMPT),
    "negative_prompt": Sample("fog", {"negative_prompt": "fog"}),
    "seed": Sample("77", {"seed": 77}, form=NO_SEED),
    "steps": Sample("33", {"steps": 33}),
    "cfg_scale": Sample("4.5", {"cfg_scale": 4.5}),
    "distilled_cfg_scale": Sample("2.5", {"distilled_cfg_scale": 2.5}, family="forge"),
    "sampler": Sample("DPM++ 2M Karras", {"sampler_name": "DPM++ 2M", "scheduler": "Karras"}),
    "scheduler": Sample("sgm uniform", {"scheduler": "SGM Uniform"}, beside="Sampler: Euler"),
    "size": Sample("320x448", {"width": 320, "height": 448}),
    "model": Sample(
        "sd_xl_base_1.0", {"override_settings": {"sd_model_checkpoint": "xl_sd_xl_base_1.0"}}
    ),
    "model_hash": Sample(
        "879db523c3", {"override_settings": {"sd_model_checkpoint": "dreamshaper_8"}}
    ),
    "vae": Sample("vae-ft-mse", {"override_settings": {"sd_vae": "vae-ft-mse.safetensors"}}),
    "lora": Sample("detail:0.5", {"prompt": "a cat <lora:detail:0.5>"}),
    "clip_skip": Sample("2", {"override_settings": {"CLIP_stop_at_last_layers": 2}}),
    "styles": Sample("cinematic", {"styles": ["cinematic"]}),
    "refiner": Sample("sd_xl_base_1.0", {"refiner_checkpoint": "xl_sd_xl_base_1.0"}),
    "refiner_switch_at": Sample(
        "0.6", {"refiner_switch_at": 0.6}, beside="Refiner: sd_xl_base_1.0"
    ),
    "face_restorer": Sample(
        "GFPGAN",
        {"restore_faces": True, "override_settings": {"face_restoration_model": "GFPGAN"}},
    ),
    "tiling": Sample("True", {"tiling": True}),
    "variation_seed": Sample("9", {"subseed": 9}, beside="Variation seed strength: 0.5"),
    "variation_strength": Sample("0.25", {"subseed_strength": 0.25}),
    "hires_fix.scale": Sample("1.5", {"enable_hr": True, "hr_scale": 1.5}),
    "hires_fix.upscaler": Sample(
        "R-ESRGAN 4x+", {"enable_hr": True, "hr_upscaler": "R-ESRGAN 4x+"}
    ),
    "hires_fix.steps": Sample("6", {"hr_second_pass_steps": 6}, beside="Hires upscale: 2"),
    "hires_fix.size": Sample(
        "1024x768", {"enable_hr": True, "hr_resize_x": 1024, "hr_resize_y": 768}
    ),
    "hires_fix.sampler": Sample(
        "Euler a", {"hr_sampler_name": "Euler a"}, beside="Hires upscale: 2"
    ),
    "hires_fix.scheduler": Sample(
        "Karras", {"hr_scheduler": "Karras"}, beside="Hires upscale: 2, Hires sampler: Euler"
    ),
    "hires_fix.prompt": Sample(
        '"sharp, red"', {"hr_prompt": "sharp, red"}, beside="Hires scale: 2"
    ),
    "hires_fix.negative_prompt": Sample(
        "soft", {"hr_negative_prompt": "soft"}, beside="Hires scale: 2"
    ),
    "hires_fix.cfg_scale": Sample(
        "3", {"hr_cfg": 3.0}, family="forge", beside="Hires upscale: 2"
    ),
    "denoising_strength": Sample("0.3", {"denoising_strength": 0.3}, beside="Hires upscale: 2"),
    "face_detailer": Sample(
        "hand_yolov8n",
        {
            "alwayson_scripts": {
                "ADetailer": {"args": [True, False, {"ad_model": "hand_yolov8n.pt"}]}
            }
        },
    ),
    "mask_blur": Sample("9", {"mask_blur": 9}, Inpaint, form=AREA),
    "mask_padding": Sample("64", {"inpaint_full_res_padding": 64}, Inpaint, form=AREA),
    "inpaint_area": Sample("Whole picture", {"inpaint_full_res": False}, Inpaint, form=AREA),
    "masked_content": Sample("latent noise", {"inpainting_fill": 2}, Inpaint, form=AREA),
    "mask_mode": Sample(
        "Inpaint not masked", {"inpainting_mask_invert": 1}, Inpaint, form=AREA
    ),
    "resize_mode": Sample("Resize and fill", {"resize_mode": 2}, Img2Img, form=OTHER_SHAPE),
    "model_family": Sample("SDXL", {"width": 1024, "height": 1024}),
}  # fmt: skip


KEYS = [
    pytest.param(key, SAMPLES[name], id=key)
    for name, keys, _ in PARAMETERS
    if name in SAMPLES
    for key in keys
]


def test_each_parameter_has_a_sample() -> None:
    assert {name for name, _, _ in PARAMETERS} == set(SAMPLES)


@pytest.mark.parametrize(("key", "sample"), KEYS)
@pytest.mark.parametrize("spelled", [str, str.upper, lambda key: key.lower().replace(" ", "_")])
def test_each_key_of_a_parameter_sets_it(key: str, sample: Sample, spelled: Any) -> None:
    text = ", ".join(filter(None, (sample.beside, f"{spelled(key)}: {sample.value}")))
    plan, body = sent(text, sample.kind, sample.family, **sample.form)
    assert holds(body, sample.sent)
    assert plan.notes == ()


def test_the_denoising_strength_of_an_image_job_is_set() -> None:
    _, body = sent("Denoising strength: 0.3", Img2Img, prompt="a cat")
    assert body["denoising_strength"] == 0.3


VALUES: dict[type, tuple[str, Any]] = {
    float: ("0.5", 0.5), int: ("3", 3), bool: ("True", True), str: ("CPU", "CPU"),
}  # fmt: skip


@pytest.mark.parametrize("key", REQUEST)
@pytest.mark.parametrize("spelled", [str, str.upper, lambda key: key.lower().replace(" ", "_")])
def test_each_key_of_the_request_is_sent(key: str, spelled: Any) -> None:
    path, kind = REQUEST[key]
    value, parsed = VALUES[kind]
    part: dict[str, Any] = {path: parsed}
    if path == "seed_resize_from":
        value, part = "512x768", {"seed_resize_from_w": 512, "seed_resize_from_h": 768}
    elif path.startswith("override_settings."):
        part = {"override_settings": {path.removeprefix("override_settings."): parsed}}
    plan, body = sent(f"{spelled(key)}: {value}", family="forge", prompt="a cat")
    assert holds(body, part)
    assert plan.notes == ()


@pytest.mark.parametrize("key", REQUEST)
def test_each_key_of_the_request_is_one_that_servers_take(key: str) -> None:
    path, _ = REQUEST[key]
    option = path.removeprefix("override_settings.")
    known: set[str] = set()
    for family in ("a1111", "forge"):
        if option == path:
            schemas = case(family, "get-openapi").answer["components"]["schemas"]
            known |= {name for schema in schemas.values() for name in schema.get("properties", ())}
        else:
            known |= set(case(family, "get-options").answer)
    assert option in known or f"{option}_w" in known


@pytest.mark.parametrize(
    ("text", "option", "value"),
    [
        ("Extra noise: 0.1", "img2img_extra_noise", 0.1),
        ("Conditional mask weight: 0.5", "inpainting_mask_weight", 0.5),
        ("NGMS all steps: True", "s_min_uncond_all", True),
        ("Eta DDIM: 0.5", "eta_ddim", 0.5),
        ("Old prompt editing timelines: True", "use_old_scheduling", True),
    ],
)
def test_keys_that_a1111_keeps_for_its_options_are_options(
    text: str, option: str, value: Any
) -> None:
    _, body = sent(text, prompt="a cat")
    assert body["override_settings"] == {option: value}


@pytest.mark.parametrize(
    ("text", "sent_as"),
    [
        ("Resize mode: Just resize", {"resize_mode": 0}),
        ("Resize mode: Crop and resize", {"resize_mode": 1}),
        ("Resize mode: Just resize (latent upscale)", {"resize_mode": 3}),
        ("Masked content: fill", {"inpainting_fill": 0}),
        ("Masked content: original", {"inpainting_fill": 1}),
        ("Masked content: latent nothing", {"inpainting_fill": 3}),
        ("Inpaint area: Only masked", {"inpaint_full_res": True}),
        ("Inpaint area: Whole image", {"inpaint_full_res": False}),
        ("Mask mode: Inpaint masked", {"inpainting_mask_invert": 0}),
        # The options of the plugin's own forms.
        ("Resize mode: fill", {"resize_mode": 2}),
        ("Masked content: noise", {"inpainting_fill": 2}),
        ("Inpaint area: only_masked", {"inpaint_full_res": True}),
        ("Mask mode: not_masked", {"inpainting_mask_invert": 1}),
    ],
)
def test_options_are_named_as_in_a_webuis_form(text: str, sent_as: dict[str, Any]) -> None:
    _, body = sent(text, Inpaint, **AREA)
    assert holds(body, sent_as)


@pytest.mark.parametrize(
    ("name", "family"),
    [("SD 1.5", "sd15"), ("SDXL", "sdxl"), ("Pony", "sdxl"), ("Illustrious", "sdxl"),
     ("Flux", "flux"), ("Flux.1", "flux"), ("Chroma", "flux"), ("SD 3.5", "sd3"), ("SD3", "sd3"),
     ("SD 3", "sd3"), ("Qwen-Image", "qwen"), ("Z-Image", "zimage"), ("Automatic", "auto"),
     ("SD 2", "sd2")],
)  # fmt: skip
def test_a_model_family_has_several_names(name: str, family: str) -> None:
    assert completed_with(f"Model family: {name}", Txt2Img).model_family == family


def _keys_of_all_families() -> Iterator[Any]:
    """Yield each family with each key and a sample of its value."""
    for family in FAMILIES:
        for name, keys, _ in PARAMETERS:
            if name in SAMPLES:
                yield pytest.param(family, keys[0], SAMPLES[name], id=f"{family}-{keys[0]}")
        for key, (_, kind) in REQUEST.items():
            value = "512x768" if key == "Seed resize from" else VALUES[kind][0]
            yield pytest.param(family, key, Sample(value, {}), id=f"{family}-{key}")


@pytest.mark.parametrize(("family", "key", "sample"), list(_keys_of_all_families()))
def test_no_key_is_lost_without_a_note_on_any_server(family: str, key: str, sample: Sample) -> None:
    """Check that each key changes the request, or leads to a note or an error."""
    text = ", ".join(filter(None, (sample.beside, f"{key}: {sample.value}")))
    form = {**sample.form, "prompt": sample.form.get("prompt") or "a cat"}
    try:
        plan, body = sent(text, sample.kind, family, **sample.form)
    except InvalidInput as error:
        assert str(error).strip()
    else:
        without = sent(sample.beside, sample.kind, family, **form)
        # The name of a model that is loaded already is not sent.
        assert plan.notes or (plan.checkpoint, body) != (without[0].checkpoint, without[1])


@pytest.mark.parametrize(
    ("family", "text", "keys"),
    [
        ("sdcpp", "VAE: x, Styles: y, Tiling: True, Refiner: z", ("vae", "styles", "tiling")),
        ("sdcpp", "Face restoration: GFPGAN, Eta: 0.5, ENSD: 3", ("face_restorer", "Eta, ENSD")),
        ("sdcpp", "ADetailer model: x, ADetailer prompt: y", ("face_detailer",)),
        ("koboldcpp", "Hires upscale: 2, Hires upscaler: Latent", ("hires_fix",)),
        ("koboldcpp", "Variation seed: 3, Variation seed strength: 0.5", ("variation_strength",)),
        ("sdnext", "Sampler: Euler, Schedule type: Karras, Tiling: True", ("scheduler", "tiling")),
        ("sdnext", "Face restoration: GFPGAN", ("face_restorer",)),
        ("sdnext", "ENSD: 31337", ("ENSD",)),
        ("sdnext", "NGMS: 1", ("NGMS",)),
        ("a1111", "Distilled CFG Scale: 3.5", ("distilled_cfg_scale",)),
        ("a1111", "Hires upscale: 2, Hires Distilled CFG Scale: 3", ("Hires Distilled CFG Scale",)),
    ],
)
def test_a_feature_that_a_server_lacks_is_left_out_with_a_note(
    family: str, text: str, keys: tuple[str, ...]
) -> None:
    plan, _ = sent(text, family=family, prompt="a cat")
    reported = " ".join(plan.notes)
    assert [key for key in keys if key not in reported] == []


def test_settings_of_a_missing_extension_are_left_out_with_a_note() -> None:
    plan, body = sent("ADetailer model: face_yolov8n.pt", extensions=False, prompt="a cat")
    assert "alwayson_scripts" not in body
    assert "ADetailer" in " ".join(plan.notes)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_automatic_schedule_type_needs_no_note(family: str) -> None:
    # A1111 writes it behind every sampler.
    text = "Sampler: Euler a, Schedule type: Automatic"
    plan, _ = sent(text, family=family, prompt="a cat")
    assert plan.notes == ()


def test_text_encoders_are_left_out_where_there_is_one_vae() -> None:
    text = "a cat\nSteps: 3, Module 1: ae, Module 2: clip_l, Sampler: Euler a, Size: 64x64"
    plan, _ = sent(text)
    assert plan.vaes == ()
    assert "takes one VAE" in " ".join(plan.notes)
