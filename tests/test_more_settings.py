"""Generation data are settings: each key that WebUIs write ends in the request, or in a word."""

import io
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from devkit.forms.build import MODELS
from sdwebui.client import Client
from sdwebui.errors import InvalidInput
from sdwebui.infotext import parse
from sdwebui.more_settings import read_settings, settings_of
from sdwebui.parameters import ControlNet, Generation, Img2Img, Inpaint, Outpaint, Size, Txt2Img
from sdwebui.plan import Plan
from sdwebui.reproduction import completed
from sdwebui.setting_keys import PARAMETERS, REQUEST
from sdwebui.sources import prepare
from tests.recorded import RECORDINGS, needs_recordings, strings
from tests.webui import ADETAILER, CONTROLNET, FAMILIES, fresh_server, webui


class Held:
    """A file at hand."""

    name = "a.png"

    def read(self) -> bytes:
        target = io.BytesIO()
        Image.new("RGB", (128, 128), "navy").save(target, "PNG")
        return target.getvalue()


GENERATING: dict[str, type[Generation]] = {
    tool: model for tool, model in MODELS.items() if issubclass(model, Generation)
}


def asked_for[Asked: Generation](text: Any, kind: type[Asked], **form: Any) -> Asked:
    """The parameters of a call whose ``more_settings`` say this."""
    image: dict[str, Any] = {kind.IMAGE: Held()} if kind.IMAGE else {}
    return completed(kind.read({**image, "more_settings": text, **form}))


def sent(
    text: Any,
    kind: type[Generation] = Txt2Img,
    family: str = "a1111",
    *,
    extensions: bool = True,
    **form: Any,
) -> tuple[Plan, dict[str, Any]]:
    """The plan and the body that come of a call whose ``more_settings`` say this."""
    asked = asked_for(text, kind, **{"seed": 7, **form})
    with webui(family, **({**ADETAILER, **CONTROLNET} if extensions else {})):
        client = Client(fresh_server())
        if isinstance(asked, ControlNet):
            images = ["one", "two"][: 2 if asked.control_image_2 else 1]
            plan = client.planner.controlnet(asked, images)
        elif isinstance(asked, Img2Img):
            prepared = prepare(asked, Held().read(), None, not client.planner.dialect.resize_modes)
            plan = client.planner.img2img(asked, prepared)
        else:
            assert isinstance(asked, Txt2Img)
            plan = client.planner.txt2img(asked)
        body = client.catalog.dialect(client.deadline).body(plan)
    return plan, {name: value for name, value in body.items() if name != "force_task_id"}


def holds(body: Any, part: Any) -> bool:
    """Whether a body has all that is in a part of one."""
    if isinstance(part, Mapping):
        return isinstance(body, Mapping) and all(
            name in body and holds(body[name], value) for name, value in part.items()
        )
    return bool(body == part) and type(body) is type(part)


def refusal(text: Any, kind: type[Generation] = Txt2Img, **form: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        asked_for(text, kind, **form)
    return str(caught.value)


# Every key ends in the request


@dataclass(frozen=True)
class Sample:
    """A value for a key, what it is sent as, and what else has to be said for it to count."""

    value: str
    sent: dict[str, Any]
    kind: type[Generation] = Txt2Img
    family: str = "a1111"
    beside: str = ""
    form: dict[str, Any] = field(default_factory=lambda: {"prompt": "a cat"})


NO_PROMPT: dict[str, Any] = {"prompt": ""}
OTHER_SHAPE: dict[str, Any] = {"prompt": "a cat", "size": "64x128"}
NO_SEED: dict[str, Any] = {"prompt": "a cat", "seed": -1}
AREA: dict[str, Any] = {"mask_area": "25, 25, 75, 75"}

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

KEYS = [pytest.param(key, SAMPLES[name], id=key) for name, keys, _ in PARAMETERS for key in keys]


def test_each_parameter_has_a_sample() -> None:
    assert {name for name, _, _ in PARAMETERS} == set(SAMPLES)


@pytest.mark.parametrize(("key", "sample"), KEYS)
@pytest.mark.parametrize("spelled", [str, str.upper, lambda key: key.lower().replace(" ", "_")])
def test_each_key_of_a_parameter_sets_it(key: str, sample: Sample, spelled: Any) -> None:
    text = ", ".join(filter(None, (sample.beside, f"{spelled(key)}: {sample.value}")))
    plan, body = sent(text, sample.kind, sample.family, **sample.form)
    assert holds(body, sample.sent)
    assert plan.notes == ()


def test_the_denoising_strength_of_an_image_is_the_images() -> None:
    _, body = sent("Denoising strength: 0.3", Img2Img, prompt="a cat")
    assert body["denoising_strength"] == 0.3


VALUES: dict[type, tuple[str, Any]] = {
    float: ("0.5", 0.5), int: ("3", 3), bool: ("True", True), str: ("CPU", "CPU"),
}  # fmt: skip


@pytest.mark.parametrize("key", REQUEST)
@pytest.mark.parametrize("spelled", [str, str.upper, lambda key: key.lower().replace(" ", "_")])
def test_each_key_of_the_request_is_sent(key: str, spelled: Any) -> None:
    path, kind = REQUEST[key]
    value, read = VALUES[kind]
    part: dict[str, Any] = {path: read}
    if path == "seed_resize_from":
        value, part = "512x768", {"seed_resize_from_w": 512, "seed_resize_from_h": 768}
    elif path.startswith("override_settings."):
        part = {"override_settings": {path.removeprefix("override_settings."): read}}
    plan, body = sent(f"{spelled(key)}: {value}", family="forge", prompt="a cat")
    assert holds(body, part)
    assert plan.notes == ()


@needs_recordings
@pytest.mark.parametrize("key", REQUEST)
def test_each_key_of_the_request_is_one_that_servers_take(key: str) -> None:
    path, _ = REQUEST[key]
    option = path.removeprefix("override_settings.")
    known: set[str] = set()
    for family in ("a1111", "forge"):
        if option == path:
            schemas = _recorded(family, "get-openapi")["components"]["schemas"]
            known |= {name for one in schemas.values() for name in one.get("properties", ())}
        else:
            known |= set(_recorded(family, "get-options"))
    assert option in known or f"{option}_w" in known


def _recorded(family: str, case: str) -> Any:
    return json.loads((RECORDINGS / family / f"{case}.json").read_text())["body"]


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
        # The words of our own forms.
        ("Resize mode: fill", {"resize_mode": 2}),
        ("Masked content: noise", {"inpainting_fill": 2}),
        ("Inpaint area: only_masked", {"inpaint_full_res": True}),
        ("Mask mode: not_masked", {"inpainting_mask_invert": 1}),
    ],
)
def test_options_go_by_the_words_of_a_webuis_form(text: str, sent_as: dict[str, Any]) -> None:
    _, body = sent(text, Inpaint, **AREA)
    assert holds(body, sent_as)


@pytest.mark.parametrize(
    ("word", "family"),
    [("SD 1.5", "sd15"), ("SDXL", "sdxl"), ("Pony", "sdxl"), ("Illustrious", "sdxl"),
     ("Flux", "flux"), ("Flux.1", "flux"), ("Chroma", "flux"), ("SD 3.5", "sd3"), ("SD3", "sd3"),
     ("SD 3", "sd3"), ("Qwen-Image", "qwen"), ("Z-Image", "zimage"), ("Automatic", "auto"),
     ("SD 2", "sd2")],
)  # fmt: skip
def test_a_family_goes_by_its_name(word: str, family: str) -> None:
    assert asked_for(f"Model family: {word}", Txt2Img).model_family == family


# How it may be written


SETTINGS = "Clip skip: 2, VAE: vae-ft-mse, Hires upscale: 1.5, Hires upscaler: Latent, Eta: 0.5"


@pytest.mark.parametrize(
    "text",
    [
        SETTINGS,
        SETTINGS.replace(", ", "\n"),
        SETTINGS.replace(", ", "\r\n"),
        SETTINGS.replace(", ", ",\n"),
        SETTINGS.replace(", ", ",").replace(": ", ":"),
        f"  {SETTINGS} ,\n\n",
        SETTINGS.upper().replace("VAE-FT-MSE", "vae-ft-mse").replace("LATENT", "Latent"),
        "clip_skip: 2, vae: vae-ft-mse, hires-upscale: 1.5, hiresupscaler: Latent, ETA: 0.5",
    ],
)
def test_settings_stand_in_lines_or_between_commas(text: str) -> None:
    asked = asked_for(text, Txt2Img)
    assert (asked.clip_skip, asked.vae) == (2, "vae-ft-mse")
    assert asked.hires_fix
    assert (asked.hires_fix.scale, asked.hires_fix.upscaler) == (1.5, "Latent")
    assert asked.fields == (("Eta", "eta", 0.5),)


@pytest.mark.parametrize(
    ("text", "styles"),
    [
        ("Styles: a", ("a",)),
        ("Styles: a, b", ("a", "b")),
        ("Styles: a, b, Clip skip: 2", ("a", "b")),
        ('Styles: "a, b", Clip skip: 2', ("a", "b")),
        ('Styles: ["a, b", "c"], Clip skip: 2', ("a, b", "c")),
    ],
)
def test_a_value_may_hold_commas(text: str, styles: tuple[str, ...]) -> None:
    assert asked_for(text, Txt2Img).styles == styles


@pytest.mark.parametrize("text", ["", " ", "\n", None, "None"])
def test_nothing_sets_nothing(text: Any) -> None:
    asked = asked_for(text, Txt2Img, prompt="a")
    assert set(asked.explicit) <= {"prompt", "more_settings"}
    assert asked.notes == ()


@pytest.mark.parametrize("text", ["Sampler: NONE", "Clip skip: -1", "Clip skip: 0", "Size: 0x0",
                                  "Sampler: Undefined", "Clip skip:"])  # fmt: skip
def test_values_that_stand_for_none_set_nothing(text: str) -> None:
    plan, body = sent(text, prompt="a cat")
    assert body == sent("", prompt="a cat")[1]
    assert plan.notes == ()


# JSON


@pytest.mark.parametrize(
    "text",
    [
        '{"eta": 0.5, "override_settings": {"samples_format": "jpg"}, "tiling": true}',
        "{'eta': 0.5, 'override_settings': {'samples_format': 'jpg'}, 'tiling': True}",
        {"eta": 0.5, "override_settings": {"samples_format": "jpg"}, "tiling": True},
        '\n {"eta": 0.5,\n"override_settings": {"samples_format": "jpg"}, "tiling": true}\n',
    ],
)
def test_an_object_is_merged_into_the_request(text: Any) -> None:
    _, body = sent(text, prompt="a cat", model="dreamshaper_8")
    assert (body["eta"], body["tiling"]) == (0.5, True)
    assert body["override_settings"] == {
        "sd_model_checkpoint": "dreamshaper_8",
        "samples_format": "jpg",
    }


def test_an_object_wins_and_null_takes_a_field_out() -> None:
    _, body = sent('{"steps": 30, "n_iter": null}', prompt="a cat", steps=20)
    assert body["steps"] == 30
    assert "n_iter" not in body


@pytest.mark.parametrize("text", ['{"eta": 0.5', "{eta: 0.5}", "{", '{"a": NaN}', "{'a': b'x'}"])
def test_an_object_that_is_none_is_refused(text: str) -> None:
    assert refusal(text).startswith("more_settings: ")


# Generation data as a whole

A1111 = (
    "a (lighthouse:1.2), <lora:detail:0.8>\nin a storm\nNegative prompt: lowres, (blurry:1.1)\n"
    "watermark\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: 77, "
    "Size: 640x480, Model hash: 879db523c3, Model: dreamshaper_8, VAE hash: 0123456789, "
    "VAE: vae-ft-mse.safetensors, Denoising strength: 0.4, Clip skip: 2, Hires upscale: 1.5, "
    'Hires steps: 9, Hires upscaler: Latent, Lora hashes: "detail: 0123456789ab", '
    "Discard penultimate sigma: True, Version: v1.10.1"
)
A1111_SENT = {
    "negative_prompt": "lowres, (blurry:1.1)\nwatermark",
    "prompt": "a (lighthouse:1.2),\nin a storm <lora:detail:0.8>",
    "steps": 25, "sampler_name": "DPM++ 2M", "scheduler": "Karras", "cfg_scale": 5.5, "seed": 77,
    "width": 640, "height": 480, "enable_hr": True, "hr_scale": 1.5, "hr_second_pass_steps": 9,
    "hr_upscaler": "Latent", "denoising_strength": 0.4,
    "override_settings": {
        "sd_model_checkpoint": "dreamshaper_8", "sd_vae": "vae-ft-mse.safetensors",
        "CLIP_stop_at_last_layers": 2, "always_discard_next_to_last_sigma": True,
    },
}  # fmt: skip

CIVITAI = (
    "score_9, a lighthouse, <lora:detail:0.8>\n"
    "Negative prompt: score_4, lowres\n"
    "Steps: 30, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234, Size: 832x1216, Clip skip: 2, "
    "Created Date: 2024-08-01T1234:56.7890123Z, Civitai resources: "
    '[{"type":"checkpoint","modelVersionId":290640,"modelName":"Pony Diffusion V6 XL",'
    '"modelVersionName":"V6, start"},{"type":"lora","weight":0.8,"modelVersionId":1,'
    '"modelName":"Detail","modelVersionName":"v1"}], Civitai metadata: {}'
)
CIVITAI_SENT = {
    "prompt": "score_9, a lighthouse, <lora:detail:0.8>", "negative_prompt": "score_4, lowres",
    "steps": 30, "sampler_name": "DPM++ 2M", "scheduler": "Karras", "cfg_scale": 7.0,
    "seed": 1234, "width": 832, "height": 1216,
    "override_settings": {"CLIP_stop_at_last_layers": 2},
}  # fmt: skip


def without_breaks(text: str, between: str) -> str:
    return text.replace("\n", between)


@pytest.mark.parametrize(
    ("text", "expected"), [(A1111, A1111_SENT), (CIVITAI, CIVITAI_SENT)], ids=["a1111", "civitai"]
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", " \n", "\n\n"])
def test_generation_data_as_a_whole_are_sent(
    text: str, expected: dict[str, Any], ends: str
) -> None:
    plan, body = sent(f"\n{text.replace('\n', ends)}\n", seed=-1)
    sought = body | {
        name: re.sub(r"[ ,]*\s*\n+", "\n", body[name].replace(",\n", ",\n"))
        for name in ("prompt", "negative_prompt")
    }
    wanted = expected | {
        name: re.sub(r"[ ,]*\n", "\n", expected[name]) for name in ("prompt", "negative_prompt")
    }
    assert holds(sought, wanted)
    assert plan.notes == ()


@pytest.mark.parametrize(
    ("text", "expected"), [(A1111, A1111_SENT), (CIVITAI, CIVITAI_SENT)], ids=["a1111", "civitai"]
)
@pytest.mark.parametrize("between", [" ", ""])
def test_generation_data_may_have_lost_their_line_breaks(
    text: str, expected: dict[str, Any], between: str
) -> None:
    """A one-line field of a form takes them away."""
    plan, body = sent(without_breaks(text, between), seed=-1)
    prompts = {"prompt", "negative_prompt"}
    assert holds(body, {name: value for name, value in expected.items() if name not in prompts})
    for name in prompts:
        assert "".join(body[name].split()) == "".join(expected[name].split())
    assert plan.notes == ()


FIELDS = "Steps: 20, Sampler: Euler a, CFG scale: 5, Seed: 5, Size: 64x64"


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        (f"a cat\nNegative prompt: dog\n{FIELDS}", "a cat", "dog"),
        (f"a cat Negative prompt: dog {FIELDS}", "a cat", "dog"),
        (f"a catNegative prompt: dog{FIELDS}", "a cat", "dog"),
        (f"a cat\n{FIELDS}", "a cat", ""),
        (f"a cat {FIELDS}", "a cat", ""),
        (f"Negative prompt: dog\n{FIELDS}", "", "dog"),
        (f"Negative prompt: dog {FIELDS}", "", "dog"),
        (FIELDS, "", ""),
        ("a cat\nNegative prompt: dog", "a cat", "dog"),
        (f"a cat: black, white\nNegative prompt: dog: brown\n{FIELDS}", "a cat: black, white",
         "dog: brown"),
        # A prompt may begin like a setting.
        (f"Model: a tall woman, red dress\nNegative prompt: dog\n{FIELDS}",
         "Model: a tall woman, red dress", "dog"),
        (f"Prompt: a cat\nNegative prompt: dog\n{FIELDS}", "a cat", "dog"),
    ],
)  # fmt: skip
def test_prompts_are_taken_from_generation_data(text: str, prompt: str, negative: str) -> None:
    asked = asked_for(text, Txt2Img)
    assert (asked.prompt, asked.negative_prompt) == (prompt, negative)
    if FIELDS in text:
        assert (asked.steps, asked.sampler, asked.cfg_scale, asked.seed) == (20, "Euler a", 5, 5)


@pytest.mark.parametrize(
    "text",
    [
        "Prompt: a cat, on a mat, Seed: 5, Steps: 20, Clip skip: 2, Negative prompt: dog",
        "Seed: 5, Prompt: a cat, on a mat, Negative prompt: dog, Steps: 20, Clip skip: 2",
        "Steps: 20, Seed: 5, Negative prompt: dog, Clip skip: 2, Prompt: a cat, on a mat",
        "Prompt: a cat, on a mat\nNegative prompt: dog\nSeed: 5\nSteps: 20\nClip skip: 2",
        "Clip skip: 2\nSeed: 5, Steps: 20\nPrompt: a cat, on a mat\nNegative prompt: dog",
        "a cat, on a mat\nNegative prompt: dog\nSteps: 20, Seed: 5\nClip skip: 2",
    ],
)
def test_prompts_may_stand_among_settings(text: str) -> None:
    asked = asked_for(text, Txt2Img)
    assert (asked.prompt, asked.negative_prompt) == ("a cat, on a mat", "dog")
    assert (asked.seed, asked.steps, asked.clip_skip) == (5, 20, 2)
    assert asked.notes == ()


def test_what_is_not_understood_in_a_whole_is_said() -> None:
    text = f"a cat\n{FIELDS}, Foo bar: 3, Version: v1.10.1"
    assert asked_for(text, Txt2Img).notes == (
        "more_settings: left out, since not understood: Foo bar.",
    )
    many = ", ".join(f"Foo {number}: 1" for number in range(12))
    (note,) = asked_for(f"a cat\n{FIELDS}, {many}", Txt2Img).notes
    assert note.endswith("Foo 7 and 4 more.")


# A field of the form beats it


@pytest.mark.parametrize(
    ("kind", "name", "value", "text"),
    [
        (Txt2Img, "prompt", "a dog", "Prompt: a cat"),
        (Txt2Img, "negative_prompt", "fog", "Negative prompt: rain"),
        (Txt2Img, "seed", 0, "Seed: 6"),
        (Txt2Img, "model", "a", "Model: b"),
        (Txt2Img, "size", "512x512", "Size: 640x480"),
        (Txt2Img, "sampler", "Euler", "Sampler: Euler a"),
        (Txt2Img, "steps", 9, "Steps: 30"),
        (Txt2Img, "cfg_scale", 0, "CFG scale: 5"),
        (Txt2Img, "face_detailer", "a", "ADetailer model: b"),
        (Txt2Img, "vae", "a", "VAE: b"),
        (Txt2Img, "clip_skip", 1, "Clip skip: 2"),
        (Txt2Img, "lora", "a:0.5", "LoRA: b"),
        (Txt2Img, "model_family", "sdxl", "Model family: Flux"),
        (Img2Img, "denoising_strength", 0, "Denoising strength: 0.5"),
        (Img2Img, "resize_mode", "fill", "Resize mode: Just resize"),
        (Inpaint, "mask_blur", 0, "Mask blur: 9"),
        (Inpaint, "inpaint_area", "whole", "Inpaint area: Only masked"),
        (Inpaint, "masked_content", "noise", "Masked content: fill"),
        (Outpaint, "mask_blur", 0, "Mask blur: 9"),
    ],
)
def test_a_field_of_the_form_wins(kind: type[Generation], name: str, value: Any, text: str) -> None:
    form = kind.build({name: value})
    assert getattr(asked_for(text, kind, **{name: value}), name) == getattr(form, name)
    # And the text counts where the field is blank.
    assert getattr(asked_for(text, kind), name) not in {getattr(form, name), None, ""}


def test_each_part_of_a_hires_fix_wins_for_itself() -> None:
    text = "Hires upscale: 3, Hires upscaler: Latent, Hires steps: 9, Denoising strength: 0.3"
    hires = asked_for(text, Txt2Img, hires_fix="2, 0.4").hires_fix
    assert hires
    assert (hires.scale, hires.denoising_strength) == (2, 0.4)
    assert (hires.upscaler, hires.steps) == ("Latent", 9)


@pytest.mark.parametrize("off", ["off", "0", False])
def test_a_hires_fix_that_the_form_switches_off_stays_off(off: Any) -> None:
    assert asked_for("Hires upscale: 3, Hires upscaler: Latent", Txt2Img).hires_fix
    text = "a cat\nSteps: 20, Seed: 5, Hires upscale: 3, Hires upscaler: Latent"
    assert asked_for(text, Txt2Img, hires_fix=off).hires_fix is None


def test_a_model_of_the_form_wins_over_a_hash() -> None:
    asked = asked_for("Model: b, Model hash: 879db523c3", Txt2Img, model="a")
    assert (asked.model, asked.model_hash) == ("a", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", -1), ("image_count", 1), ("model_family", "auto"), ("model", "auto")],
)
def test_a_default_of_the_form_does_not_win(name: str, value: Any) -> None:
    asked = asked_for("Seed: 6, Model family: Flux, Model: b", Txt2Img, **{name: value})
    assert (asked.seed, asked.model_family, asked.model) == (6, "flux", "b")


# What cannot be understood is refused


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("Clip skipp: 2", "Clip skip"),
        ("Clipskip 2: 2", "Clip skip"),
        ("Stylez: a", "Styles"),
        ("Hires upsclaer: Latent", "Hires upscaler"),
        ("Refiner switch: 0.5", "Refiner switch at"),
        ("Clip skip: 2, Tilling: True", "Tiling"),
        ("Denoise strength: 0.5", "Denoising strength"),
        ("ADetailr prompt: a", "ADetailer prompt"),
        ("Controlnet 2: Module: canny", "ControlNet 0"),
        ("Pixel perfekt: True", "Pixel Perfect"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(text: str, near: str) -> None:
    said = refusal(text)
    key = text.rpartition(", ")[2].partition(":")[0]
    assert said.startswith(f"more_settings: {key!r} is no setting that is known here. Did you mean")
    assert near in said.partition("Did you mean")[2].partition("?")[0]
    assert said.endswith(
        "Write the names that PNG info shows, or the request's own fields as JSON."
    )


def test_every_unknown_key_is_named_and_a_long_one_cut() -> None:
    said = refusal("Clip skip: 2, Foo: 1, Bar: 2")
    assert "'Foo' is no setting" in said
    assert "Nor is 'Bar'." in said
    assert len(refusal(f"{'x' * 500}: 1, Clip skip: 2")) < 300


@pytest.mark.parametrize("text", ["just words", "a cat, dog: 3", "[1]", "50", ": 3", "🐈"])
def test_what_is_no_generation_data_is_refused(text: str) -> None:
    said = refusal(text)
    assert said.startswith(
        "more_settings: write settings as PNG info shows them, such as Clip skip"
    )
    assert said.endswith(f"(got {text!r}).")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Steps: 500", "more_settings: Steps must be at most 150 (got 500)."),
        ("Steps: 0", "more_settings: Steps must be at least 1 (got 0)."),
        ("steps: 500", "more_settings: Steps must be at most 150 (got 500)."),
        ("Steps: many", "more_settings: Steps: 'many' cannot be read."),
        ("CFG scale: 31", "more_settings: CFG scale must be at most 30 (got 31.0)."),
        ("CFG scale: nan", "more_settings: CFG scale: 'nan' cannot be read."),
        ("Clip skip: two", "more_settings: Clip skip: 'two' cannot be read."),
        ("Clip skip: 13", "more_settings: Clip skip must be at most 12 (got 13)."),
        ("Seed: -2", "more_settings: Seed must be at least -1 (got -2)."),
        ("Size: large", "more_settings: Size: write width x height, such as 832x1216 (got"),
        ("Size: 10x512", "more_settings: Size: width must be at least 64 (got 10)."),
        ("Hires resize: 512x9999", "more_settings: Hires resize: height must be at most 4096"),
        ("Hires upscale: 9", "more_settings: Hires upscale must be at most 4 (got 9.0)."),
        ("Tiling: maybe", "more_settings: Tiling must be true or false (got 'maybe')."),
        ("Face restoration: x", "more_settings: Face restoration must be one of 'CodeFormer' or"),
        ("Variation seed strength: 2", "more_settings: Variation seed strength must be at most 1"),
        ("Model family: x", "more_settings: Model family must be one of 'auto', 'sd15'"),
        ("LoRA: detail:heavy", "more_settings: LoRA: write it as name:weight"),
        ("LoRA: detail:11", "more_settings: LoRA: a weight must be at most 10 (got 11.0)."),
        ("Eta: much", "more_settings: Eta: 'much' cannot be read."),
        ("ENSD: 1.5", "more_settings: ENSD: '1.5' cannot be read."),
        ("Pad conds: maybe", "more_settings: Pad conds: 'maybe' cannot be read."),
        ("Seed resize from: big", "more_settings: Seed resize from: 'big' cannot be read."),
        ("Sigma churn: inf", "more_settings: Sigma churn: 'inf' cannot be read."),
        (f"a cat\n{FIELDS.replace('20', '500')}", "more_settings: Steps must be at most 150"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_the_key(text: str, said: str) -> None:
    assert refusal(text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Mask blur: 99", "more_settings: Mask blur must be at most 64 (got 99)."),
        ("Mask mode: both", "more_settings: Mask mode must be one of 'masked' or 'not_masked'"),
        ("Inpaint area: all", "more_settings: Inpaint area must be one of 'whole' or"),
        ("Resize mode: big", "more_settings: Resize mode must be one of 'stretch', 'crop'"),
        (
            "Denoising strength: 2",
            "more_settings: Denoising strength must be at most 1 (got 2.0)",
        ),
    ],
)
def test_a_wrong_value_of_an_image_job_names_the_key(text: str, said: str) -> None:
    assert refusal(text, Inpaint, **AREA).startswith(said)


@pytest.mark.parametrize("model", GENERATING.values())
def test_a_message_about_a_field_that_is_not_in_the_form_names_a_key(
    model: type[Generation],
) -> None:
    absent = sorted(model.model_fields.keys() - {*model.LLM, *model.SETTINGS})
    assert absent
    for name in absent:
        with pytest.raises(InvalidInput) as caught:
            model.read({name: "1"})
        hint = re.search(r"write (.+?): … in more_settings", str(caught.value))
        known = hint is None or "is no setting" not in _said(f"{hint[1]}: 1", model)
        assert known, caught.value


def _said(text: str, kind: type[Generation]) -> str:
    try:
        return " ".join(read_settings(text, kind).unknown)
    except InvalidInput as error:
        return str(error)


# What has no effect is told


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Mask blur: 4", Txt2Img),
        ("Resize mode: Crop and resize", Txt2Img),
        ("ControlNet 0: Module: canny", Txt2Img),
        ("Pixel Perfect: True", Txt2Img),
        ("Hires upscale: 2", Img2Img),
        ("Mask mode: Inpaint masked", Img2Img),
    ],
)
def test_a_setting_of_another_tool_is_left_out_with_a_word(
    text: str, kind: type[Generation]
) -> None:
    key = text.partition(":")[0]
    assert asked_for(text, kind).notes == (
        f"more_settings: left out, since this tool has no use for it: {key}.",
    )


@pytest.mark.parametrize(
    "text",
    ["Denoising strength: 0.4", "Hires steps: 5", "Hires prompt: x", "Refiner switch at: 0.6",
     "Variation seed: 9", "ADetailer prompt: x", "Width: 512", "Hires fix: 1.5", "Batch size: 2"],
)  # fmt: skip
def test_a_setting_that_does_nothing_by_itself_is_told(text: str) -> None:
    try:
        plan, body = sent(text, prompt="a cat")
    except InvalidInput as error:
        assert text.partition(":")[0] in str(error)
    else:
        assert plan.notes or body != sent("", prompt="a cat")[1]


def _everywhere() -> Iterator[Any]:
    for family in FAMILIES:
        for name, keys, _ in PARAMETERS:
            sample = SAMPLES[name]
            yield pytest.param(family, keys[0], sample, id=f"{family}-{keys[0]}")
        for key, (_, kind) in REQUEST.items():
            value = "512x768" if key == "Seed resize from" else VALUES[kind][0]
            yield pytest.param(family, key, Sample(value, {}), id=f"{family}-{key}")


@pytest.mark.parametrize(("family", "key", "sample"), _everywhere())
def test_no_key_is_lost_without_a_word_on_any_server(family: str, key: str, sample: Sample) -> None:
    """It changes the request, or something is said."""
    text = ", ".join(filter(None, (sample.beside, f"{key}: {sample.value}")))
    form = {**sample.form, "prompt": sample.form.get("prompt") or "a cat"}
    try:
        plan, body = sent(text, sample.kind, family, **sample.form)
    except InvalidInput as error:
        assert str(error).strip()
    else:
        without = sent(sample.beside, sample.kind, family, **form)
        # A model that is loaded anyway is not sent.
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
def test_what_a_server_lacks_is_left_out_with_a_word(
    family: str, text: str, keys: tuple[str, ...]
) -> None:
    plan, _ = sent(text, family=family, prompt="a cat")
    said = " ".join(plan.notes)
    assert [key for key in keys if key not in said] == []


def test_a_missing_extension_is_a_word_too() -> None:
    plan, body = sent("ADetailer model: face_yolov8n.pt", extensions=False, prompt="a cat")
    assert "alwayson_scripts" not in body
    assert "ADetailer" in " ".join(plan.notes)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_automatic_schedule_type_needs_no_word(family: str) -> None:
    # A1111 writes it behind every sampler.
    text = "Sampler: Euler a, Schedule type: Automatic"
    plan, _ = sent(text, family=family, prompt="a cat")
    assert plan.notes == ()


# ControlNet and ADetailer

UNIT = (
    "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 0.8, "
    "Resize Mode: Resize and Fill, Processor Res: 768, Threshold A: 100, Threshold B: 200.5, "
    "Guidance Start: 0.1, Guidance End: 0.9, Pixel Perfect: False, "
    "Control Mode: ControlNet is more important"
)
UNIT_SENT = {
    "module": "canny", "model": "control_v11p_sd15_canny [d14c016b]", "weight": 0.8,
    "resize_mode": "Resize and Fill", "processor_res": 768, "threshold_a": 100.0,
    "threshold_b": 200.5, "guidance_start": 0.1, "guidance_end": 0.9, "pixel_perfect": False,
    "control_mode": "ControlNet is more important",
}  # fmt: skip


def units(text: str, **form: Any) -> list[dict[str, Any]]:
    plan, body = sent(text, ControlNet, prompt="a cat", **form)
    assert plan.notes == ()
    found: list[dict[str, Any]] = body["alwayson_scripts"]["ControlNet"]["args"]
    return found


@pytest.mark.parametrize(
    "text",
    [
        f'ControlNet 0: "{UNIT}"',
        f"ControlNet 0: {UNIT}",
        f"controlnet 0: {UNIT.lower()}",
        f'Clip skip: 2, ControlNet 0: "{UNIT}", Steps: 20',
        f"Clip skip: 2, ControlNet 0: {UNIT}, Steps: 20",
        f"ControlNet 0: {UNIT}\nSteps: 20".replace(", ", "\n"),
        "Preprocessor: canny, ControlNet model: control_v11p_sd15_canny [d14c016b], "
        "Control weight: 0.8, Starting control step: 0.1, Ending control step: 0.9, "
        "Control mode: ControlNet is more important, Pixel perfect: False, Processor res: 768, "
        "Threshold A: 100, Threshold B: 200.5, ControlNet 0: Resize Mode: Resize and Fill",
    ],
)
def test_a_control_unit_is_quoted_or_not(text: str) -> None:
    (unit,) = units(text)
    assert holds(unit, UNIT_SENT)


def test_what_follows_a_unit_is_not_part_of_it() -> None:
    text = f"ControlNet 0: {UNIT}, Model: dreamshaper_8"
    # "Model" is a key of the unit; a new line of its own is not needed for other keys.
    asked = asked_for(f"ControlNet 0: {UNIT}, Clip skip: 2, Model: dreamshaper_8", ControlNet)
    assert (asked.clip_skip, asked.model) == (2, "dreamshaper_8")
    assert asked_for(text, ControlNet).controlnet_0.module == "canny"


def test_a_second_unit_belongs_to_the_second_image() -> None:
    text = 'ControlNet 1: "Module: depth_midas, Weight: 0.5, Guidance End: 0.8"'
    first, second = units(text, control_module="canny", control_image_2=Held())
    assert (first["module"], first["weight"], first["guidance_end"]) == ("canny", 1.0, 1.0)
    assert (second["module"], second["weight"], second["guidance_end"]) == ("depth_midas", 0.5, 0.8)
    assert (first["image"], second["image"]) == ("one", "two")


def test_a_second_unit_without_a_second_image_is_told() -> None:
    text = 'ControlNet 1: "Module: depth_midas"'
    try:
        plan, _ = sent(text, ControlNet, prompt="a cat", control_module="canny")
    except InvalidInput as error:
        assert "control_image_2" in str(error)
    else:
        assert "control_image_2" in " ".join(plan.notes)


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        ("Balanced", "Balanced"),
        ("My prompt is more important", "My prompt is more important"),
        ("ControlNet is more important", "ControlNet is more important"),
        # What Forge writes (recordings txt2img-controlnet-*).
        ("ControlMode.BALANCED", "Balanced"),
        ("ControlMode.PROMPT", "My prompt is more important"),
        ("ControlMode.CONTROL", "ControlNet is more important"),
    ],
)
def test_a_control_mode_goes_by_the_words_of_each_family(word: str, mode: str) -> None:
    (unit,) = units(f'ControlNet 0: "Module: canny, Control Mode: {word}"')
    assert unit["control_mode"] == mode


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        ("Just Resize", "Just Resize"),
        ("Crop and Resize", "Crop and Resize"),
        ("Resize and Fill", "Resize and Fill"),
        ("ResizeMode.RESIZE", "Just Resize"),
        ("ResizeMode.INNER_FIT", "Crop and Resize"),
        ("ResizeMode.OUTER_FIT", "Resize and Fill"),
    ],
)
def test_a_control_resize_mode_goes_by_the_words_of_each_family(word: str, mode: str) -> None:
    (unit,) = units(f'ControlNet 0: "Module: canny, Resize Mode: {word}"')
    assert unit["resize_mode"] == mode


def test_what_a_preprocessor_does_not_have_is_left_to_it() -> None:
    (unit,) = units("ControlNet 0: Module: canny, Processor Res: -1, Threshold A: -1")
    assert not {"processor_res", "threshold_a"} & unit.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ControlNet 0: Module: canny, Weight: heavy", ("ControlNet 0", "must be a number")),
        ("ControlNet 0: Module: canny, Weight: 3", ("ControlNet 0", "must be at most 2 (got 3)")),
        ("ControlNet 1: Guidance End: 2", ("ControlNet 1", "must be at most 1 (got 2)")),
        ("Pixel Perfect: maybe", ("Pixel Perfect", "must be true or false (got 'maybe')")),
        ("Control mode: both", ("Control mode", "must be one of")),
    ],
)
def test_a_wrong_value_of_a_unit_names_it(text: str, said: tuple[str, ...]) -> None:
    message = refusal(text, ControlNet)
    assert message.startswith("more_settings: ")
    for part in said:
        assert part in message


def test_an_unknown_key_of_a_unit_is_refused() -> None:
    assert "'Wieght'" in refusal('ControlNet 0: "Module: canny, Wieght: 0.5"', ControlNet)


DETAILERS = (
    'ADetailer model: face_yolov8n.pt, ADetailer prompt: "a face, smiling", ADetailer negative '
    "prompt: blurry, ADetailer confidence: 0.3, ADetailer dilate erode: 4, ADetailer mask blur: 4, "
    "ADetailer denoising strength: 0.4, ADetailer inpaint only masked: True, ADetailer inpaint "
    "padding: 32, ADetailer use inpaint width height: False, ADetailer steps: 28, "
    "ADetailer model 2nd: hand_yolov8n, ADetailer confidence 2nd: 0.5, ADetailer version: 24.11.1"
)


def test_settings_of_adetailer_reach_each_of_its_units() -> None:
    _, body = sent(DETAILERS, prompt="a cat")
    on, skip, first, second = body["alwayson_scripts"]["ADetailer"]["args"]
    assert (on, skip) == (True, False)
    assert first == {
        "ad_model": "face_yolov8n.pt", "ad_prompt": "a face, smiling",
        "ad_negative_prompt": "blurry", "ad_confidence": 0.3, "ad_dilate_erode": 4,
        "ad_mask_blur": 4, "ad_denoising_strength": 0.4, "ad_inpaint_only_masked": True,
        "ad_inpaint_only_masked_padding": 32, "ad_use_inpaint_width_height": False,
        "ad_steps": 28, "ad_use_steps": True,
    }  # fmt: skip
    assert second == {"ad_model": "hand_yolov8n.pt", "ad_confidence": 0.5}


def test_a_face_detailer_of_the_form_takes_its_settings_from_the_text() -> None:
    text = "ADetailer prompt: smiling, ADetailer model 2nd: hand_yolov8n.pt"
    _, body = sent(text, prompt="a cat", face_detailer="face_yolov8n.pt")
    assert body["alwayson_scripts"]["ADetailer"]["args"][2:] == [
        {"ad_model": "face_yolov8n.pt", "ad_prompt": "smiling"},
        {"ad_model": "hand_yolov8n.pt"},
    ]


def test_numbers_for_adetailer_stay_what_they_look_like() -> None:
    text = (
        "ADetailer model: face_yolov8n.pt, ADetailer confidence: 1.0, ADetailer steps: 7, "
        "ADetailer prompt: 7 cats"
    )
    _, body = sent(text, prompt="a cat")
    unit = body["alwayson_scripts"]["ADetailer"]["args"][2]
    assert (unit["ad_confidence"], unit["ad_steps"]) == (1.0, 7)
    assert (type(unit["ad_confidence"]), type(unit["ad_steps"])) == (float, int)
    assert unit["ad_prompt"] == "7 cats"


# What real servers wrote


def recorded(family: str) -> list[str]:
    """The infotexts of a family's recordings."""
    found = (text for _, _, text in strings(family) if re.search(r"\bSteps: \d", text))
    return [text for text in dict.fromkeys(found) if not text.startswith(("{", "<"))]


RECORDED = ("a1111", "forge", "sdnext", "sdcpp", "koboldcpp")
NOT_UNDERSTOOD = re.compile(r"Soft inpainting .*|ControlNet [2-9]")
"""Of an extension, and of a third unit."""


@needs_recordings
@pytest.mark.parametrize("family", RECORDED)
def test_recorded_generation_data_are_settings_of_every_tool(family: str) -> None:
    texts = recorded(family)
    assert len(texts) > 10
    unknown = {
        key
        for text in texts
        for kind in GENERATING.values()
        for key in settings_of(parse(text), kind).unknown
    }
    assert {key for key in unknown if not NOT_UNDERSTOOD.fullmatch(key)} == set()


@needs_recordings
@pytest.mark.parametrize("family", RECORDED)
def test_recorded_generation_data_can_be_pasted(family: str) -> None:
    """Only a value beyond what may be asked for is refused, such as a size of 8 pixels."""
    texts = recorded(family)
    assert texts
    for text in texts:
        said = parse(text)
        try:
            asked = asked_for(text, Txt2Img)
        except InvalidInput as error:
            assert re.match(r"more_settings: .* must be at (most|least) ", str(error)), text
        else:
            assert asked.prompt == said.prompt.strip()
            assert asked.negative_prompt == said.negative_prompt.strip()
            assert asked.steps == said.steps


@needs_recordings
@pytest.mark.parametrize("family", ["a1111", "forge", "sdcpp"])
def test_recorded_generation_data_can_be_pasted_in_one_line(family: str) -> None:
    compared = 0
    for text in recorded(family):
        if "\n" not in text.strip():
            continue
        try:
            whole = read_settings(text, Txt2Img)
            line = read_settings(without_breaks(text, " "), Txt2Img)
        except InvalidInput:
            continue
        compared += 1
        assert _folded(line.values) == _folded(whole.values)
    assert compared > 10


def _folded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values whose line breaks are blanks."""
    return {
        name: " ".join(value.split()) if isinstance(value, str) else value
        for name, value in values.items()
    }


# Whatever is written

NAMES = [key for _, keys, _ in PARAMETERS for key in keys] + [*REQUEST, "ControlNet 0", "Foo"]
PAIRS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.text(max_size=20)).map(": ".join), max_size=5
).map(", ".join)


@given(text=st.one_of(st.text(), PAIRS, PAIRS.map(lambda text: f"a\nSteps: 5, {text}")))
def test_nothing_but_a_message_comes_of_odd_texts(text: str) -> None:
    for kind in (Txt2Img, ControlNet):
        try:
            asked = asked_for(text, kind, prompt="a cat")
        except InvalidInput as error:
            assert str(error).strip()
        else:
            assert asked.prompt == "a cat"
        settings_of(parse(text), kind)


@pytest.mark.parametrize(
    "text",
    [
        "a cat" + " " * 40_000 + "on a mat",
        "a dog\n" + "\t" * 40_000 + "on a mat\nNegative prompt: dog",
        "Steps: 1, " * 10_000,
        "Seed: 1," * 10_000,
        "Styles: " + "a, " * 10_000,
        "VAE: [" + "[" * 40_000,
        "ControlNet 0: " + "Module: x, " * 5_000,
        "Clip skip: 2, " + ", ".join(f"Foo bar {number}: 1" for number in range(1_000)),
        "a\n" * 20_000 + "Steps: 1, Seed: 2",
        "ADetailer " + "x " * 10_000 + ": 1",
    ],
    ids=lambda text: text[:12],
)
def test_long_texts_take_time_in_proportion(text: str) -> None:
    """Whoever pastes one would stop all other calls meanwhile."""
    started = time.process_time()
    for kind in (Txt2Img, ControlNet):
        try:
            read_settings(text, kind)
        except InvalidInput as error:
            assert len(str(error)) < 2000
    assert time.process_time() - started < 3


@pytest.mark.parametrize("size", ["832×1216", "832.0x1216.0", "832 1216"])
def test_a_size_is_read_as_in_the_form(size: str) -> None:
    asked = asked_for(f"Size: {size}", Txt2Img)
    assert asked.size == Txt2Img.read({"size": size}).size == Size(width=832, height=1216)


def test_several_loras_need_no_quotes() -> None:
    asked = asked_for("LoRA: detail:0.5, other:0.8, Clip skip: 2", Txt2Img)
    assert [(one.name, one.weight) for one in asked.lora] == [("detail", 0.5), ("other", 0.8)]
    assert asked.clip_skip == 2


def test_the_forms_sampler_says_the_schedule_type_too() -> None:
    asked = asked_for("Sampler: DPM++ 2M, Schedule type: Karras", Txt2Img, sampler="Euler a")
    assert (asked.sampler, asked.scheduler) == ("Euler a", None)


def test_no_hires_fix_in_the_form_needs_no_word() -> None:
    asked = asked_for("Hires upscale: 2, Hires steps: 5", Txt2Img, hires_fix="off")
    assert (asked.hires_fix, asked.notes) == (None, ())


def test_generation_data_of_an_image_job_give_no_alarm() -> None:
    text = "a cat\nSteps: 20, Sampler: Euler a, Seed: 5, Size: 64x64, Denoising strength: 0.5"
    asked = asked_for(text, Txt2Img)
    assert (asked.hires_fix, asked.notes) == (None, ())


@pytest.mark.parametrize(
    "text",
    [
        "a cat\nNegative prompt: dog\nSize: 256x256, Seed: 9, Steps: 5, Sampler: Euler a",
        "a cat\nNegative prompt: dog\nSteps: 5, Sampler: Euler a,\nSeed: 9, Size: 256x256",
        "Prompt: a cat\nNegative prompt: dog\nSteps: 5\nSampler: Euler a\nSeed: 9\nSize: 256x256",
        "a cat\nnegative prompt: dog\nsteps: 5, sampler: Euler a, seed: 9, size: 256x256",
    ],
)
def test_settings_are_read_on_whatever_line_they_stand(text: str) -> None:
    asked = asked_for(text, Txt2Img)
    assert (asked.prompt, asked.negative_prompt) == ("a cat", "dog")
    assert (asked.steps, asked.seed, asked.sampler) == (5, 9, "Euler a")
    assert asked.size == Size(width=256, height=256)


def test_a_prompt_may_begin_with_a_word_that_only_tells() -> None:
    text = "User: hi, a cat\nSteps: 3, Sampler: Euler a, Size: 64x64"
    assert asked_for(text, Txt2Img).prompt == "User: hi, a cat"


@pytest.mark.parametrize("kind", [Img2Img, Inpaint])
def test_the_size_of_another_image_is_not_that_of_this_one(kind: type[Generation]) -> None:
    text = "a cat\nSteps: 3, Sampler: Euler a, Size: 64x64"
    assert asked_for(text, kind).size is None
    assert asked_for("Size: 128x128", kind).size == Size(width=128, height=128)


def test_an_outpainted_image_has_the_size_that_it_grows_to() -> None:
    asked = asked_for("Size: 128x128", Outpaint)
    assert asked.size is None
    assert "Size" in asked.notes[0]
    with pytest.raises(InvalidInput, match=r"^There is no parameter size\.$"):
        Outpaint.read({"size": "128x128"})


def test_a_second_detailer_stays_the_second() -> None:
    text = "ADetailer model 2nd: hand_yolov8n.pt, ADetailer prompt 2nd: hands"
    _, body = sent(text, prompt="a cat", face_detailer="face_yolov8n.pt")
    first, second = body["alwayson_scripts"]["ADetailer"]["args"][2:]
    assert first == {"ad_model": "face_yolov8n.pt"}
    assert (second["ad_model"], second["ad_prompt"]) == ("hand_yolov8n.pt", "hands")


def test_an_unknown_key_of_adetailer_is_refused() -> None:
    assert "'ADetailer confidense'" in refusal("ADetailer confidense: 0.3")


@pytest.mark.parametrize("text", ['{"size": "512x512"}', "{'model': 'x'}", '{"Clip skip": 2}'])
def test_json_with_names_that_no_request_has_is_refused(text: str) -> None:
    assert "JSON holds fields of the server's request" in refusal(text)


def test_json_may_hold_the_prompt() -> None:
    _, body = sent('```json\n{"prompt": "a dog"}\n```')
    assert body["prompt"] == "a dog"


def test_a_key_that_only_tells_names_what_asks_for_it() -> None:
    (note,) = asked_for("Batch size: 4", Txt2Img).notes
    assert "Batch size (write image_count)" in note
    assert "field of its own: write it into image_count" in refusal("Image count: 4")


def test_a_model_that_generation_data_name_is_told_as_theirs() -> None:
    with pytest.raises(InvalidInput, match="The generation data name it; what you choose in model"):
        sent("Model: nowhere, Seed: 1", prompt="a cat")


def test_text_encoders_are_left_out_where_there_is_one_vae() -> None:
    text = "a cat\nSteps: 3, Module 1: ae, Module 2: clip_l, Sampler: Euler a, Size: 64x64"
    plan, _ = sent(text)
    assert plan.vaes == ()
    assert "takes one VAE" in " ".join(plan.notes)
