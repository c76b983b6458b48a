"""Requests are decided before they are sent: each family's words, limits and missing features."""

from collections.abc import Callable
from typing import Any

import pytest

from sdwebui.client import WebUI
from sdwebui.dialects.plan import Plan, Source
from sdwebui.errors import ExtensionMissing, InvalidInput, UnknownName, Unsupported
from sdwebui.parameters import ControlNet, Img2Img, Txt2Img
from sdwebui.planning.planner import NO_DEFAULTS, Defaults
from sdwebui.planning.sources import Prepared
from tests.webui import ADETAILER, CONTROLNET, FAMILIES, MODELS, URL, webui

ALL = list(FAMILIES)
LARGE = {"/sdapi/v1/options": {"sd_model_checkpoint": "xl/sd_xl_base_1.0.safetensors [1]"}}
"""A server that has an SDXL model loaded."""


def planned(
    family: str,
    changes: dict[str, Any] | None = None,
    defaults: Defaults = NO_DEFAULTS,
    **requested: Any,
) -> tuple[Plan, dict[str, Any]]:
    """The plan and the body of what was asked, details without a field in the form included."""
    with webui(family, **(changes or {})):
        call = WebUI(URL, defaults=defaults).call()
        plan = call.planner.txt2img(Txt2Img.build({"prompt": "a cat", **requested}))
        return plan, call.dialect.body(plan)


def body_for(
    family: str, changes: dict[str, Any] | None = None, **requested: Any
) -> dict[str, Any]:
    return planned(family, changes, **requested)[1]


@pytest.mark.parametrize(
    ("family", "recognised"),
    [
        ("a1111", "a1111"),
        ("a1111-1.6", "a1111"),
        ("forge", "forge"),
        ("sdnext", "sdnext"),
        ("sdcpp", "sdcpp"),
        ("koboldcpp", "koboldcpp"),
    ],
)
def test_family_is_recognised(family: str, recognised: str) -> None:
    with webui(family):
        call = WebUI(URL).call()
        assert call.dialect.family == recognised


@pytest.mark.parametrize(
    ("family", "extra", "recognised"),
    [
        ("a1111", {"/internal/pending-tasks": {"size": 0, "tasks": []}}, "a1111"),
        ("forge", {"/internal/pending-tasks": {"size": 0, "tasks": []}}, "forge"),
        ("sdnext", {"/sdapi/v1/version": {"app": "sd.next"}}, "sdnext"),
    ],
)
def test_family_is_recognised_behind_a_proxy_that_hides_the_document(
    family: str, extra: dict[str, Any], recognised: str
) -> None:
    with webui(family, **{"/openapi.json": None, **extra}):
        call = WebUI(URL).call()
        dialect = call.dialect
        assert dialect.family == recognised
        assert dialect.tasks is (recognised != "sdnext")


@pytest.mark.parametrize("model", ["DREAMSHAPER_8", "dreamshaper_8.safetensors", "879db523c3"])
def test_a_model_in_extra_is_sent_in_the_servers_spelling(model: str) -> None:
    overrides = {"sd_model_checkpoint": model, "eta_noise_seed_delta": 1}
    body = body_for("a1111", extra={"override_settings": overrides}, model="xl_sd_xl_base_1.0")
    assert body["override_settings"] == {
        "sd_model_checkpoint": "dreamshaper_8",
        "eta_noise_seed_delta": 1,
    }


@pytest.mark.parametrize("overrides", [None, {"sd_model_checkpoint": None}])
def test_extra_can_leave_the_loaded_model_alone(overrides: dict[str, Any] | None) -> None:
    extra = {"override_settings": overrides}
    plan, body = planned("a1111", defaults=Defaults("dreamshaper_8"), extra=extra)
    assert plan.checkpoint is None
    assert not body.get("override_settings")


@pytest.mark.parametrize("weight", ["nan", "inf", "heavy", "te=x"])
def test_a_lora_tag_whose_weight_is_no_number_is_refused(weight: str) -> None:
    with pytest.raises(InvalidInput, match=r"weight of the LoRA 'detail' is no number"):
        body_for("a1111", prompt=f"a cat <lora:detail:{weight}>")


def test_a_blank_model_is_the_default_model() -> None:
    body = body_for("a1111", model=" ", defaults=Defaults("dreamshaper_8"))
    assert body["override_settings"]["sd_model_checkpoint"].startswith("dreamshaper_8")


def test_a_seed_in_extra_is_held_to_the_limits_of_seeds() -> None:
    with pytest.raises(InvalidInput, match="seed must be a whole number"):
        body_for("a1111", extra={"seed": "random"})
    with pytest.raises(Unsupported, match="takes seeds up to 2147483647"):
        body_for("sdcpp", extra={"seed": 2**31})


@pytest.mark.parametrize("family", ALL)
def test_body_is_complete_and_holds_no_null(family: str) -> None:
    body = body_for(family)
    assert {"prompt", "negative_prompt", "width", "height", "steps", "cfg_scale", "seed"} <= set(
        body
    )
    assert None not in body.values()
    assert 0 <= body["seed"] < 2**31
    assert (body["width"], body["height"]) == (512, 512)


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize("spelling", ["dreamshaper_8", "DREAMSHAPER_8.safetensors", "879db523c3"])
def test_model_is_sent_in_the_servers_own_spelling(family: str, spelling: str) -> None:
    body = body_for(family, model=spelling)
    overrides = body.get("override_settings", {})
    expected = None if family in {"sdcpp", "koboldcpp"} else "dreamshaper_8"
    assert overrides.get("sd_model_checkpoint") == expected


@pytest.mark.parametrize(
    "spelling",
    [
        "xl_sd_xl_base_1.0",
        "xl/sd_xl_base_1.0.safetensors",
        "sd_xl_base_1.0.safetensors",
        "SD_XL_base_1.0",
        "/models/xl/sd_xl_base_1.0.safetensors",
    ],
)
def test_every_name_of_a_model_is_understood(spelling: str) -> None:
    body = body_for("a1111", model=spelling)
    assert body["override_settings"] == {"sd_model_checkpoint": "xl_sd_xl_base_1.0"}
    assert body["override_settings_restore_afterwards"] is True
    assert (body["width"], body["height"]) == (1024, 1024)


def test_two_files_of_one_name_are_told_apart_by_their_titles() -> None:
    twin = {**MODELS[0], "title": "dreamshaper_8.ckpt", "filename": "/m/dreamshaper_8.ckpt"}
    changes = {"/sdapi/v1/sd-models": [MODELS[0], {**twin, "hash": "1" * 10, "sha256": "1" * 64}]}
    body = body_for("a1111", changes, model="dreamshaper_8.ckpt")
    assert body["override_settings"]["sd_model_checkpoint"] == "dreamshaper_8.ckpt"
    with pytest.raises(UnknownName, match="means several"):
        body_for("a1111", changes, model="dreamshaper_8")


def test_unknown_model_lists_what_is_there() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'dreamshaper_8'") as caught:
        body_for("a1111", model="dreamshaper_7")
    assert "xl_sd_xl_base_1.0" in str(caught.value)


def test_a_new_model_is_found_although_the_list_is_cached() -> None:
    client = WebUI(URL)
    with webui("a1111", **{"/sdapi/v1/sd-models": MODELS[:1]}):
        assert len(client.call().catalog.checkpoints()) == 1
    with webui("a1111"):
        planner = client.call().planner
        assert planner.txt2img(Txt2Img(prompt="x", model="sd_xl_base_1.0")).checkpoint


def test_default_model_of_the_credentials_counts_when_none_is_named() -> None:
    body = body_for("a1111", defaults=Defaults("sd_xl_base_1.0"))
    assert body["override_settings"]["sd_model_checkpoint"] == "xl_sd_xl_base_1.0"


def test_no_override_travels_that_nobody_asked_for() -> None:
    assert "override_settings" not in body_for("a1111")


@pytest.mark.parametrize(
    ("family", "requested", "sent"),
    [
        ("a1111", {"sampler": "euler A"}, {"sampler_name": "Euler a"}),
        ("a1111", {"sampler": "k_euler"}, {"sampler_name": "Euler"}),
        (
            "a1111",
            {"sampler": "DPM++ 2M Karras"},
            {"sampler_name": "DPM++ 2M", "scheduler": "Karras"},
        ),
        (
            "a1111",
            {"sampler": "dpm++ 2m sgm uniform"},
            {"sampler_name": "DPM++ 2M", "scheduler": "SGM Uniform"},
        ),
        (
            "a1111",
            {"sampler": "Euler a", "scheduler": "sgmuniform"},
            {"sampler_name": "Euler a", "scheduler": "SGM Uniform"},
        ),
        (
            "a1111-1.6",
            {"sampler": "DPM++ 2M", "scheduler": "Karras"},
            {"sampler_name": "DPM++ 2M Karras"},
        ),
        ("a1111-1.6", {"sampler": "dpm++ 2m karras"}, {"sampler_name": "DPM++ 2M Karras"}),
        ("sdnext", {"sampler": "euler a"}, {"sampler_name": "Euler a"}),
        ("sdcpp", {"sampler": "Euler a"}, {"sampler_name": "euler_a"}),
        (
            "sdcpp",
            {"sampler": "DPM++ 2M", "scheduler": "Karras"},
            {"sampler_name": "dpm++2m", "scheduler": "karras"},
        ),
        (
            "koboldcpp",
            {"sampler": "DPM++ 2M Karras"},
            {"sampler_name": "DPM++ 2M", "scheduler": "karras"},
        ),
        (
            "koboldcpp",
            {"sampler": "Euler A karras"},
            {"sampler_name": "Euler A", "scheduler": "karras"},
        ),
        ("a1111", {"sampler": "Euler a"}, {"sampler_name": "Euler a"}),
        (
            "a1111",
            {"sampler": "Euler Simple"},
            {"sampler_name": "Euler", "scheduler": "Simple"},
        ),
        (
            "a1111",
            {"sampler": "Euler a simple"},
            {"sampler_name": "Euler a", "scheduler": "Simple"},
        ),
        ("a1111", {"sampler": "DPM++ 2M SDE"}, {"sampler_name": "DPM++ 2M SDE"}),
        (
            "a1111",
            {"sampler": "DPM++ 2M SDE Heun Exponential"},
            {"sampler_name": "DPM++ 2M SDE Heun", "scheduler": "Exponential"},
        ),
        (
            "a1111",
            {"sampler": "dpm++ 2m sde sgm_uniform"},
            {"sampler_name": "DPM++ 2M SDE", "scheduler": "SGM Uniform"},
        ),
        (
            "a1111",
            {"sampler": " DPM++  2M,  Karras "},
            {"sampler_name": "DPM++ 2M", "scheduler": "Karras"},
        ),
        (
            "a1111",
            {"sampler": "k_dpmpp_2m Karras"},
            {"sampler_name": "DPM++ 2M", "scheduler": "Karras"},
        ),
        (
            "a1111",
            {"sampler": "DPM++ 2M Automatic"},
            {"sampler_name": "DPM++ 2M", "scheduler": "Automatic"},
        ),
        (
            "a1111",
            {"sampler": "DPM++ 2M Karras", "scheduler": "Simple"},
            {"sampler_name": "DPM++ 2M", "scheduler": "Karras"},
        ),
        ("a1111", {"scheduler": "Karras"}, {"scheduler": "Karras"}),
        (
            "a1111-1.6",
            {"sampler": "Euler a", "scheduler": "Automatic"},
            {"sampler_name": "Euler a"},
        ),
        ("forge", {}, {}),
        (
            "forge",
            {"sampler": "DPM++ 2M Karras"},
            {"sampler_name": "DPM++ 2M", "scheduler": "Karras"},
        ),
        (
            "sdcpp",
            {"sampler": "DPM++ 2M Karras"},
            {"sampler_name": "dpm++2m", "scheduler": "karras"},
        ),
    ],
)
def test_samplers_and_schedulers(
    family: str, requested: dict[str, Any], sent: dict[str, str]
) -> None:
    body = body_for(family, **requested)
    keys = ("sampler_name", "scheduler")
    assert {key: body[key] for key in keys if key in body} == sent


@pytest.mark.parametrize(
    ("family", "requested", "reported"),
    [
        ("a1111", {"sampler": "Eulr"}, "no sampler 'Eulr'. Did you mean 'Euler'"),
        ("a1111", {"sampler": "Euler Karas"}, "no schedule type 'Karas'. Did you mean 'karras'"),
        ("a1111", {"sampler": "Eulr Karras"}, "no sampler 'Eulr Karras'"),
        ("a1111", {"sampler": "Karras"}, "no sampler 'Karras'"),
        ("a1111", {"scheduler": "Karas"}, "no schedule type 'Karas'. Did you mean 'karras'"),
        ("sdnext", {"sampler": "Euler Karras"}, "no sampler 'Euler Karras'"),
        ("a1111", {"vae": "x"}, "no VAE 'x'"),
        ("a1111", {"lora": "nope:1"}, "no LoRA 'nope'"),
        ("a1111", {"prompt": "a <lora:nope:1>"}, "no LoRA 'nope'"),
        ("a1111", {"styles": "nope"}, "no style 'nope'"),
        ("a1111", {"prompt": "embedding:nope"}, "no embedding 'nope'"),
        ("a1111", {"refiner": "nope"}, "no model 'nope'"),
        ("a1111", {"hires_fix": "2, nope"}, "no hires upscaler 'nope'"),
        ("a1111", {"hires_fix": {"sampler": "nope"}}, "no sampler 'nope'"),
        ("a1111", {"vae": "x, y"}, "takes one VAE"),
        ("forge", {"vae": "ae, t5xxl"}, "no VAE 't5xxl'"),
        ("a1111-1.6", {"scheduler": "Karras"}, "needs a sampler"),
        ("sdcpp", {"model": "other"}, "no model 'other'"),
    ],
)
def test_unknown_names_are_refused(family: str, requested: dict[str, Any], reported: str) -> None:
    with pytest.raises(InvalidInput, match=reported):
        body_for(family, **requested)


@pytest.mark.parametrize(
    ("family", "requested", "reported"),
    [
        ("sdnext", {"scheduler": "Karras"}, "SD.Next cannot do scheduler"),
        ("sdcpp", {"vae": "x"}, "stable-diffusion.cpp cannot do vae"),
        ("sdcpp", {"styles": "x"}, "cannot do styles"),
        ("sdcpp", {"steps": 120}, "takes steps up to 100"),
        ("sdcpp", {"seed": 2**31}, "takes seeds up to 2147483647"),
        ("sdcpp", {"seed": 2**31 - 2, "image_count": 3}, "would have 2147483648"),
        ("sdcpp", {"prompt": "<lora:detail:1>"}, "needs a prompt"),
        ("koboldcpp", {"hires_fix": "2"}, "KoboldCpp cannot do hires_fix"),
        ("koboldcpp", {"steps": 81}, "takes steps up to 80"),
        ("koboldcpp", {"cfg_scale": 26}, "takes cfg_scale up to 25"),
        ("a1111", {"distilled_cfg_scale": 3.5}, "cannot do distilled_cfg_scale"),
        ("koboldcpp", {"face_detailer": "x"}, "cannot do face_detailer"),
        ("sdcpp", {"variation_strength": 0.5}, "cannot do variation_strength"),
        ("sdnext", {"face_restorer": "GFPGAN"}, "SD.Next cannot do face_restorer"),
    ],
)
def test_what_a_family_cannot_do_is_refused(
    family: str, requested: dict[str, Any], reported: str
) -> None:
    with pytest.raises(Unsupported, match=reported):
        body_for(family, **requested)


@pytest.mark.parametrize(
    ("family", "requested", "kept"),
    [
        ("a1111", {"distilled_cfg_scale": 3.5}, "distilled_cfg_scale"),
        ("sdnext", {"tiling": True}, "tiling"),
        ("sdcpp", {"vae": "x"}, "override_settings"),
        ("koboldcpp", {"hires_fix": "2"}, "enable_hr"),
    ],
)
def test_what_generation_data_asks_of_another_family_is_left_out_and_said(
    family: str, requested: dict[str, Any], kept: str
) -> None:
    (name,) = requested
    plan, body = planned(family, **requested, lenient=frozenset(requested))
    assert kept not in body
    (note,) = plan.notes
    assert note.startswith("Left out, since ")
    assert f" cannot do it: {name} (" in note


def test_further_fields_of_the_request_are_sent_where_they_are_read() -> None:
    fields = (("Eta", "eta", 0.5), ("ENSD", "override_settings.eta_noise_seed_delta", 31337))
    body = body_for("a1111", fields=fields)
    assert body["eta"] == 0.5
    assert body["override_settings"] == {"eta_noise_seed_delta": 31337}
    plan, body = planned("sdcpp", fields=fields)
    assert "eta" not in body
    assert plan.notes == ("stable-diffusion.cpp has no setting for Eta, ENSD; left out.",)


@pytest.mark.parametrize(
    ("defaults", "requested", "prompt", "negative"),
    [
        (Defaults("", "masterpiece", "lowres"), {}, "masterpiece, a cat", "lowres"),
        (
            Defaults("", "masterpiece, ", " lowres ,"),
            {"negative_prompt": "dog"},
            "masterpiece, a cat",
            "lowres, dog",
        ),
        # An image that is made again has them already.
        (
            Defaults("", "masterpiece", "lowres"),
            {"prompt": "masterpiece, a cat", "negative_prompt": "lowres, dog"},
            "masterpiece, a cat",
            "lowres, dog",
        ),
        (NO_DEFAULTS, {}, "a cat", ""),
    ],
)
def test_words_of_the_credentials_come_before_the_prompts(
    defaults: Defaults, requested: dict[str, Any], prompt: str, negative: str
) -> None:
    body = body_for("a1111", defaults=defaults, **requested)
    assert (body["prompt"], body["negative_prompt"]) == (prompt, negative)


def test_words_of_the_credentials_alone_say_nothing_of_what_to_show() -> None:
    with pytest.raises(InvalidInput, match="prompt is missing"):
        body_for("a1111", defaults=Defaults("", "masterpiece"), prompt="")


def test_a_lora_of_the_credentials_words_is_used() -> None:
    body = body_for("a1111", defaults=Defaults("", "film <lora:detail:0.5>"))
    assert body["prompt"] == "film, a cat <lora:detail:0.5>"


@pytest.mark.parametrize(
    ("requested", "number"),
    [
        ({"model": "dreamshaper_8", "model_hash": "ffffffffff"}, "dreamshaper_8"),
        ({"model": "gone", "model_hash": "879db523c3"}, "dreamshaper_8"),
        ({"model_hash": "879db523c3"}, "dreamshaper_8"),
    ],
)
def test_a_hash_counts_where_the_server_knows_it(requested: dict[str, Any], number: str) -> None:
    body = body_for("a1111", defaults=Defaults("sd_xl_base_1.0"), **requested)
    assert body["override_settings"]["sd_model_checkpoint"] == number


def test_an_empty_prompt_is_refused() -> None:
    reported = (
        "prompt is missing: say what the image should show, in prompt or with generation data"
    )
    with pytest.raises(InvalidInput, match=reported):
        body_for("a1111", prompt=" ")


@pytest.mark.parametrize("family", ["a1111", "a1111-1.6", "forge", "sdnext"])
def test_loras_are_tags_in_the_prompt(family: str) -> None:
    body = body_for(family, prompt="a <lora:ADD_DETAIL:0.8:0.5> cat", lora="detail:0.3")
    assert body["prompt"] == "a cat <lora:detail:0.8:0.5> <lora:detail:0.3>"


@pytest.mark.parametrize(
    ("family", "path"), [("sdcpp", "sub/detail.safetensors"), ("koboldcpp", "detail.safetensors")]
)
def test_loras_are_a_list_beside_the_prompt(family: str, path: str) -> None:
    body = body_for(family, prompt="a <lora:detail:0.8> cat", lora="detail:0.3")
    assert body["prompt"] == "a cat"
    assert body["lora"] == [
        {"path": path, "multiplier": 0.8},
        {"path": path, "multiplier": 0.3},
    ]


def test_embeddings_become_the_bare_words_that_webuis_look_for() -> None:
    body = body_for("a1111", negative_prompt="blurry, embedding:badhands")
    assert body["negative_prompt"] == "blurry, BadHands"


@pytest.mark.parametrize(
    ("family", "pictures"),
    [
        ("a1111", {"batch_size": 1, "n_iter": 3}),
        ("forge", {"batch_size": 1, "n_iter": 3}),
        ("sdnext", {"batch_size": 1, "n_iter": 3}),
        ("sdcpp", {"batch_size": 3}),
        ("koboldcpp", {"batch_size": 1}),
    ],
)
def test_pictures_are_counted_as_the_family_counts(family: str, pictures: dict[str, int]) -> None:
    body = body_for(family, image_count=3)
    keys = ("batch_size", "n_iter")
    assert {key: body[key] for key in keys if key in body} == pictures


def hires(family: str) -> dict[str, Any]:
    body = body_for(family, hires_fix="1.5, 0.4, 7")
    return {key: value for key, value in body.items() if "hr" in key or "denois" in key}


def test_hires_fix_has_all_that_each_family_fails_without() -> None:
    common = {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.4}
    a1111 = {**common, "hr_upscaler": "Latent", "hr_second_pass_steps": 7}
    assert hires("a1111") == a1111
    modules = {"hr_additional_modules": ["Use same choices"], "hr_cfg": 7.0}
    assert hires("forge") == {**a1111, **modules}
    assert hires("sdcpp") == {**common, "hr_upscaler": "Latent", "hr_steps": 7}
    assert hires("sdnext") == {
        **a1111,
        "hr_upscaler": "Latent Nearest",
        "hr_resize_mode": 1,
        "hr_force": True,
        "hr_denoising_strength": 0.4,
    }


def test_a_hires_fix_without_numbers_is_a1111s_own() -> None:
    body = body_for("a1111", hires_fix="on")
    assert (body["hr_scale"], body["hr_upscaler"], body["denoising_strength"]) == (
        2.0,
        "Latent",
        0.5,
    )
    assert body["hr_second_pass_steps"] == 0


def test_details_of_a_hires_fix_are_sent_where_they_are_said() -> None:
    details = {
        "size": "1024x1536", "upscaler": "r-esrgan 4x+", "sampler": "Euler a", "prompt": "sharp",
        "scheduler": "karras", "negative_prompt": "soft", "cfg_scale": 3,
    }  # fmt: skip
    body = body_for("a1111", hires_fix=details)
    assert {name: value for name, value in body.items() if name.startswith("hr_")} == {
        "hr_scale": 2.0,
        "hr_upscaler": "R-ESRGAN 4x+",
        "hr_second_pass_steps": 0,
        "hr_resize_x": 1024,
        "hr_resize_y": 1536,
        "hr_sampler_name": "Euler a",
        "hr_scheduler": "Karras",
        "hr_prompt": "sharp",
        "hr_negative_prompt": "soft",
    }
    assert body_for("forge", hires_fix=details)["hr_cfg"] == 3
    body = body_for("sdcpp", hires_fix={"size": "1024x1536"})
    assert (body["hr_resize_x"], body["hr_resize_y"]) == (1024, 1536)
    # Where both are said the scale counts.
    assert "hr_resize_x" not in body_for("a1111", hires_fix={**details, "scale": 1.5})


@pytest.mark.parametrize(
    ("family", "overrides", "field"),
    [
        ("a1111", {"sd_vae": "vae-ft-mse.safetensors", "CLIP_stop_at_last_layers": 2}, None),
        ("sdnext", {"sd_vae": "vae-ft-mse.safetensors"}, 2),
    ],
)
def test_vae_and_clip_skip(family: str, overrides: dict[str, Any], field: int | None) -> None:
    body = body_for(family, vae="VAE-ft-mse", clip_skip=2)
    assert body["override_settings"] == overrides
    assert body.get("clip_skip") == field


def test_forge_takes_vae_and_text_encoders_as_modules() -> None:
    body = body_for("forge", vae="ae, clip_l.safetensors", distilled_cfg_scale=3.5, hires_fix="2")
    modules = {"forge_additional_modules": ["ae.safetensors", "clip_l.safetensors"]}
    assert body["override_settings"] == modules
    assert body["distilled_cfg_scale"] == body["hr_distilled_cfg"] == 3.5


def test_the_servers_automatic_vae_is_no_file() -> None:
    assert body_for("a1111", vae="Automatic")["override_settings"] == {"sd_vae": "Automatic"}


@pytest.mark.parametrize("word", ["None", "none"])
def test_the_checkpoints_own_vae_is_no_file_either(word: str) -> None:
    assert body_for("a1111", vae=word)["override_settings"] == {"sd_vae": "None"}


@pytest.mark.parametrize(
    ("family", "has"), [("a1111", True), ("a1111-1.6", False), ("sdnext", False)]
)
def test_a_job_gets_an_id_where_the_server_can_find_it_again(family: str, *, has: bool) -> None:
    assert ("force_task_id" in body_for(family)) is has


def test_refiner_styles_and_switches() -> None:
    body = body_for(
        "a1111",
        refiner="sd_xl_base_1.0",
        refiner_switch_at=0.7,
        styles="CINEMATIC",
        face_restorer="CodeFormer",
        tiling=True,
        variation_seed=9,
        variation_strength=0.3,
    )
    assert body["refiner_checkpoint"] == "xl_sd_xl_base_1.0"
    assert body["refiner_switch_at"] == 0.7
    assert body["styles"] == ["cinematic"]
    assert body["restore_faces"] is body["tiling"] is True
    assert body["override_settings"] == {"face_restoration_model": "CodeFormer"}
    assert (body["subseed"], body["subseed_strength"]) == (9, 0.3)


def test_face_detailer_needs_its_extension() -> None:
    with pytest.raises(ExtensionMissing, match="ADetailer"):
        body_for("a1111", face_detailer="face_yolov8n.pt")
    body = body_for("a1111", ADETAILER, face_detailer="face_yolov8n")
    args = [True, False, {"ad_model": "face_yolov8n.pt"}]
    assert body["alwayson_scripts"] == {"ADetailer": {"args": args}}
    with pytest.raises(UnknownName, match="no face detailer 'nose'"):
        body_for("a1111", ADETAILER, face_detailer="nose")


@pytest.mark.parametrize("word", ["None", "none"])
def test_no_face_detailer_needs_no_extension(word: str) -> None:
    assert "alwayson_scripts" not in body_for("a1111", face_detailer=word)


def test_arguments_of_the_face_detailer_reach_each_unit() -> None:
    arguments = ({"ad_confidence": 0.3}, {"ad_model": "hand_yolov8n"}, {"ad_prompt": "no model"})
    body = body_for("a1111", ADETAILER, face_detailer="face_yolov8n.pt", detailers=arguments)
    assert body["alwayson_scripts"]["ADetailer"]["args"][2:] == [
        {"ad_model": "face_yolov8n.pt", "ad_confidence": 0.3},
        {"ad_model": "hand_yolov8n.pt"},
    ]


def test_extra_is_merged_last_and_wins() -> None:
    extra = {
        "steps": 99,
        "n_iter": None,
        "eta": 0.5,
        "override_settings": {"samples_format": "jpg"},
    }
    body = body_for("a1111", model="dreamshaper_8", extra=extra)
    assert body["steps"] == 99
    assert "n_iter" not in body
    assert body["eta"] == 0.5
    assert body["override_settings"] == {
        "sd_model_checkpoint": "dreamshaper_8",
        "samples_format": "jpg",
    }


def test_a_rounded_size_is_said() -> None:
    plan, _ = planned("a1111", size="100x512")
    assert plan.notes == ("width 100 became 104, a multiple of 8.",)


def test_the_loaded_model_decides_blank_sizes() -> None:
    assert body_for("a1111", LARGE, aspect_ratio="16:9")["width"] == 1344


def test_a_given_family_decides_blank_sizes() -> None:
    body = body_for("a1111", LARGE, model_family="sd15")
    assert (body["width"], body["height"]) == (512, 512)
    body = body_for("a1111", model_family="flux")
    assert (body["width"], body["cfg_scale"]) == (1024, 1.0)
    # The name still tells that a model is a distilled one.
    turbo = {"/sdapi/v1/options": {"sd_model_checkpoint": "mine_lightning.safetensors"}}
    body = body_for("a1111", turbo, model_family="sdxl")
    assert (body["width"], body["steps"], body["cfg_scale"]) == (1024, 6, 1.5)


@pytest.mark.parametrize(
    ("requested", "size"),
    [
        ({"size": "832x1216"}, (832, 1216)),
        ({"size": "832x1216", "aspect_ratio": "16:9"}, (832, 1216)),
        ({"size": "640"}, (640, 640)),
        ({"size": "1280x", "aspect_ratio": "16:9"}, (1280, 720)),
        ({"size": "x720", "aspect_ratio": "16:9"}, (1280, 720)),
    ],
)
def test_a_size_beats_the_aspect_ratio(requested: dict[str, Any], size: tuple[int, int]) -> None:
    body = body_for("a1111", **requested)
    assert (body["width"], body["height"]) == size


def test_nothing_is_asked_of_the_server_when_all_is_given() -> None:
    with webui("a1111") as mock:
        planner = WebUI(URL).call().planner
        planner.txt2img(Txt2Img.read({"prompt": "x", "size": "512", "steps": 9, "cfg_scale": 5}))
        assert [call.request.path_url for call in mock.calls] == ["/openapi.json"]


@pytest.mark.parametrize("number", [0, 7])
def test_seeds_are_kept(number: int) -> None:
    seed_of: Callable[[], int] = lambda: body_for("a1111", seed=number)["seed"]  # noqa: E731
    assert seed_of() == number


def changed(family: str, **requested: Any) -> tuple[Plan, dict[str, Any]]:
    """The plan and body of an image to image job with a mask."""
    source = Source("img", 0.75, 1, mask="mask")
    with webui(family):
        call = WebUI(URL).call()
        given = Img2Img.build(requested)
        plan = call.planner.img2img(given, Prepared(source, 512, 512, ("a note",)))
        return plan, call.dialect.body(plan)


def test_an_image_is_changed_without_a_prompt() -> None:
    plan, body = changed("a1111")
    assert (body["prompt"], body["init_images"], body["mask"]) == ("", ["img"], "mask")
    assert plan.notes == ("a note",)


def units(
    images: int = 1, changes: dict[str, Any] | None = None, family: str = "a1111", **requested: Any
) -> list[dict[str, Any]]:
    """The ControlNet units that are sent."""
    with webui(family, **{**CONTROLNET, **(changes or {})}):
        call = WebUI(URL).call()
        given = ControlNet.build({"prompt": "a cat", **requested})
        plan = call.planner.controlnet(given, ["one", "two"][:images])
        body = call.dialect.body(plan)
    found: list[dict[str, Any]] = body["alwayson_scripts"]["ControlNet"]["args"]
    return found


CANNY, CANNY_XL = CONTROLNET["/controlnet/model_list"]["model_list"][:2]


def test_a_control_unit_is_sent_in_words_that_every_family_reads() -> None:
    sent = units(control_module="Canny", control_model="control_v11p_sd15_canny")
    assert sent == [
        {
            "enabled": True,
            "image": "one",
            "module": "canny",
            "model": CANNY,
            "weight": 1.0,
            "guidance_start": 0.0,
            "guidance_end": 1.0,
            "control_mode": "Balanced",
            "resize_mode": "Crop and Resize",
            "pixel_perfect": True,
            "save_detected_map": False,
        }
    ]


@pytest.mark.parametrize(
    ("requested", "sent"),
    [
        ({"control_weight": 0.5}, {"weight": 0.5}),
        ({"control_end": 0.5}, {"guidance_end": 0.5}),
        ({"control_mode": "control"}, {"control_mode": "ControlNet is more important"}),
        ({"control_mode": "prompt"}, {"control_mode": "My prompt is more important"}),
        ({"controlnet_0": {"weight": 0.4}}, {"weight": 0.4}),
        ({"controlnet_0": {"weight": 0.4}, "control_weight": 0.5}, {"weight": 0.5}),
        (
            {"controlnet_0": {"start": 0.2, "end": 0.8}},
            {"guidance_start": 0.2, "guidance_end": 0.8},
        ),
        ({"controlnet_0": {"module": "depth_midas"}}, {"module": "canny"}),
        ({"controlnet_0": {"resize_mode": "fill"}}, {"resize_mode": "Resize and Fill"}),
        ({"controlnet_0": {"pixel_perfect": False}}, {"pixel_perfect": False}),
        (
            {"controlnet_0": {"threshold_a": 0, "threshold_b": 9}},
            {"threshold_a": 0, "threshold_b": 9},
        ),
        ({"controlnet_0": {"processor_res": 768}}, {"processor_res": 768}),
    ],
)
def test_settings_of_the_form_beat_those_of_a_text(
    requested: dict[str, Any], sent: dict[str, Any]
) -> None:
    (unit,) = units(control_module="canny", **requested)
    assert sent.items() <= unit.items()


@pytest.mark.parametrize(
    ("module", "model"),
    [
        ("canny", CANNY),
        ("dw_openpose_full", "control_v11p_sd15_openpose [cab727d4]"),
        ("depth_midas", "control_v11f1p_sd15_depth [cfd03158]"),
        ("reference_only", "None"),
    ],
)
def test_a_control_model_is_found_that_fits_the_preprocessor(module: str, model: str) -> None:
    (unit,) = units(control_module=module)
    assert (unit["module"], unit["model"]) == (module, model)


def test_a_control_model_alone_will_do() -> None:
    (unit,) = units(control_model=CANNY_XL)
    assert (unit["module"], unit["model"]) == ("none", CANNY_XL)


@pytest.mark.parametrize(
    ("changes", "requested"),
    [
        (LARGE, {}),
        ({}, {"model": "sd_xl_base_1.0"}),
        ({}, {"model_family": "sdxl"}),
    ],
)
def test_the_control_model_fits_the_model_that_makes_the_image(
    changes: dict[str, Any], requested: dict[str, Any]
) -> None:
    assert units(changes=changes, control_module="canny", **requested)[0]["model"] == CANNY_XL


def test_the_family_that_is_loaded_does_not_count_when_another_is_asked_for() -> None:
    (unit,) = units(changes=LARGE, control_module="canny", model="dreamshaper_8")
    assert unit["model"] == CANNY


def test_a_second_control_image_is_a_second_unit() -> None:
    second = {"module": "depth_midas", "weight": 0.5}
    first, other = units(2, control_module="canny", controlnet_1=second)
    assert (first["image"], other["image"]) == ("one", "two")
    assert (other["module"], other["weight"]) == ("depth_midas", 0.5)
    assert other["model"].startswith("control_v11f1p_sd15_depth")


@pytest.mark.parametrize(
    ("images", "requested", "reported"),
    [
        (1, {}, "^control_module and control_model: say how the control image guides"),
        (
            1,
            {"control_module": "mediapipe_face"},
            "no ControlNet model of this server fits the preprocessor 'mediapipe_face'. Name one",
        ),
        (1, {"control_module": "cany"}, "no ControlNet preprocessor 'cany'. Did you mean 'canny'"),
        (
            1,
            {"control_model": "v11p_sd15_cany"},
            "no ControlNet model .* Did you mean 'control_v11p",
        ),
        (2, {"control_module": "canny"}, "^ControlNet 1: say how the control image guides"),
        (
            2,
            {"control_module": "canny", "controlnet_1": {"module": "mediapipe_face"}},
            "^ControlNet 1: no ControlNet model of this server fits",
        ),
    ],
)
def test_a_control_unit_that_cannot_be_is_refused(
    images: int, requested: dict[str, Any], reported: str
) -> None:
    with pytest.raises(InvalidInput, match=reported):
        units(images, **requested)


def test_controlnet_needs_its_extension() -> None:
    with pytest.raises(ExtensionMissing, match="Install sd-webui-controlnet"):
        units(changes=dict.fromkeys(CONTROLNET), control_module="canny")


@pytest.mark.parametrize("family", ["sdnext", "sdcpp", "koboldcpp"])
def test_a_family_without_controlnet_says_so(family: str) -> None:
    with pytest.raises(Unsupported, match="has no ControlNet that its API could use"):
        units(family=family, control_module="canny")
