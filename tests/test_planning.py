"""Requests are decided before they are sent: each family's words, limits and missing features."""

from collections.abc import Callable
from typing import Any

import pytest

from sdwebui.client import Client
from sdwebui.errors import ExtensionMissing, InvalidInput, UnknownName, Unsupported
from sdwebui.parameters import Txt2Img
from tests.webui import FAMILIES, MODELS, fresh_server, webui

ALL = list(FAMILIES)


def body_for(family: str, changes: dict[str, Any] | None = None, **asked: Any) -> dict[str, Any]:
    with webui(family, **(changes or {})):
        client = Client(fresh_server(), default_model=asked.pop("default_model", ""))
        plan = client.planner.txt2img(Txt2Img.read({"prompt": "a cat", **asked}))
        return client.catalog.dialect(client.deadline).body(plan)


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
        client = Client(fresh_server())
        assert client.catalog.dialect(client.deadline).family == recognised


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
        client = Client(fresh_server())
        dialect = client.catalog.dialect(client.deadline)
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
    with webui("a1111"):
        client = Client(fresh_server(), default_model="dreamshaper_8")
        asked = Txt2Img.read({"prompt": "a cat", "extra": {"override_settings": overrides}})
        plan = client.planner.txt2img(asked)
        body = client.catalog.dialect(client.deadline).body(plan)
    assert plan.checkpoint is None
    assert not body.get("override_settings")


@pytest.mark.parametrize("weight", ["nan", "inf", "heavy", "te=x"])
def test_a_lora_tag_whose_weight_is_no_number_is_refused(weight: str) -> None:
    with pytest.raises(InvalidInput, match=r"weight of the LoRA 'detail' is no number"):
        body_for("a1111", prompt=f"a cat <lora:detail:{weight}>")


def test_a_blank_model_is_the_default_model() -> None:
    body = body_for("a1111", model=" ", default_model="dreamshaper_8")
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
    server = fresh_server()
    with webui("a1111", **{"/sdapi/v1/sd-models": MODELS[:1]}):
        client = Client(server)
        client.catalog.checkpoints(client.deadline)
    with webui("a1111"):
        planner = Client(server).planner
        assert planner.txt2img(Txt2Img(prompt="x", model="sd_xl_base_1.0")).checkpoint


def test_default_model_of_the_credentials_counts_when_none_is_named() -> None:
    body = body_for("a1111", default_model="sd_xl_base_1.0")
    assert body["override_settings"]["sd_model_checkpoint"] == "xl_sd_xl_base_1.0"


def test_no_override_travels_that_nobody_asked_for() -> None:
    assert "override_settings" not in body_for("a1111")


@pytest.mark.parametrize(
    ("family", "asked", "sent"),
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
def test_samplers_and_schedulers(family: str, asked: dict[str, Any], sent: dict[str, str]) -> None:
    body = body_for(family, **asked)
    keys = ("sampler_name", "scheduler")
    assert {key: body[key] for key in keys if key in body} == sent


@pytest.mark.parametrize(
    ("family", "asked", "said"),
    [
        ("a1111", {"sampler": "Eulr"}, "no sampler 'Eulr'. Did you mean 'Euler'"),
        ("a1111", {"scheduler": "Karas"}, "no scheduler 'Karas'. Did you mean 'karras'"),
        ("a1111", {"vae": "x"}, "no VAE 'x'"),
        ("a1111", {"lora": "nope:1"}, "no LoRA 'nope'"),
        ("a1111", {"prompt": "a <lora:nope:1>"}, "no LoRA 'nope'"),
        ("a1111", {"styles": "nope"}, "no style 'nope'"),
        ("a1111", {"prompt": "embedding:nope"}, "no embedding 'nope'"),
        ("a1111", {"refiner": "nope"}, "no model 'nope'"),
        ("a1111", {"enable_hr": True, "hr_upscaler": "nope"}, "no hires upscaler 'nope'"),
        ("a1111-1.6", {"scheduler": "Karras"}, "needs a sampler"),
        ("sdcpp", {"model": "other"}, "no model 'other'"),
    ],
)
def test_unknown_names_are_refused(family: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        body_for(family, **asked)


@pytest.mark.parametrize(
    ("family", "asked", "said"),
    [
        ("sdnext", {"scheduler": "Karras"}, "SD.Next cannot do scheduler"),
        ("sdcpp", {"vae": "x"}, "stable-diffusion.cpp cannot do vae"),
        ("sdcpp", {"styles": "x"}, "cannot do styles"),
        ("sdcpp", {"steps": 120}, "takes steps up to 100"),
        ("sdcpp", {"seed": 2**31}, "takes seeds up to 2147483647"),
        ("sdcpp", {"seed": 2**31 - 2, "image_count": 3}, "would have 2147483648"),
        ("sdcpp", {"prompt": "<lora:detail:1>"}, "needs a prompt"),
        ("koboldcpp", {"enable_hr": True}, "KoboldCpp cannot do enable_hr"),
        ("koboldcpp", {"steps": 81}, "takes steps up to 80"),
        ("koboldcpp", {"cfg_scale": 26}, "takes cfg_scale up to 25"),
        ("a1111", {"distilled_cfg_scale": 3.5}, "cannot do distilled_cfg_scale"),
        ("koboldcpp", {"face_detailer": "x"}, "cannot do face_detailer"),
    ],
)
def test_what_a_family_cannot_do_is_refused(family: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Unsupported, match=said):
        body_for(family, **asked)


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(InvalidInput, match="prompt is missing"):
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
    body = body_for(family, enable_hr=True, hr_scale=1.5, hr_steps=7, denoising_strength=0.4)
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
    body = body_for("forge", vae="ae, clip_l.safetensors", distilled_cfg_scale=3.5, enable_hr=True)
    modules = {"forge_additional_modules": ["ae.safetensors", "clip_l.safetensors"]}
    assert body["override_settings"] == modules
    assert body["distilled_cfg_scale"] == body["hr_distilled_cfg"] == 3.5


def test_the_servers_automatic_vae_is_no_file() -> None:
    assert body_for("a1111", vae="Automatic")["override_settings"] == {"sd_vae": "Automatic"}


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
        restore_faces="true",
        tiling=True,
    )
    assert body["refiner_checkpoint"] == "xl_sd_xl_base_1.0"
    assert body["refiner_switch_at"] == 0.7
    assert body["styles"] == ["cinematic"]
    assert body["restore_faces"] is body["tiling"] is True


def test_face_detailer_needs_its_extension() -> None:
    with pytest.raises(ExtensionMissing, match="ADetailer"):
        body_for("a1111", face_detailer="face_yolov8n.pt")
    found = {"/adetailer/v1/ad_model": {"ad_model": ["face_yolov8n.pt", "hand_yolov8n.pt"]}}
    body = body_for("a1111", found, face_detailer="face_yolov8n")
    args = [True, False, {"ad_model": "face_yolov8n.pt"}]
    assert body["alwayson_scripts"] == {"ADetailer": {"args": args}}


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
    with webui("a1111"):
        plan = Client(fresh_server()).planner.txt2img(Txt2Img(prompt="x", width=100, height=512))
    assert plan.notes == ("width 100 became 104, a multiple of 8.",)


def test_the_loaded_model_decides_blank_sizes() -> None:
    loaded = {"/sdapi/v1/options": {"sd_model_checkpoint": "xl/sd_xl_base_1.0.safetensors [1]"}}
    assert body_for("a1111", loaded, aspect_ratio="16:9")["width"] == 1344


def test_nothing_is_asked_of_the_server_when_all_is_given() -> None:
    with webui("a1111") as mock:
        planner = Client(fresh_server()).planner
        planner.txt2img(Txt2Img(prompt="x", width=512, height=512, steps=9, cfg_scale=5))
        assert [call.request.path_url for call in mock.calls] == ["/openapi.json"]


@pytest.mark.parametrize("number", [0, 7])
def test_seeds_are_kept(number: int) -> None:
    seed_of: Callable[[], int] = lambda: body_for("a1111", seed=number)["seed"]  # noqa: E731
    assert seed_of() == number
