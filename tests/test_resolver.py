"""Names are found in the server's lists and sent in its own spelling, or refused."""

from typing import Any

import pytest

from sdwebui.client import WebUI
from sdwebui.errors import ExtensionMissing, InvalidInput, UnknownName
from sdwebui.parameters import Txt2Img
from sdwebui.planning.planner import Defaults
from tests.plans import body_for, planned
from tests.webui import ADETAILER, FAMILIES, MODELS, URL, webui


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


def test_a_blank_model_is_the_default_model() -> None:
    body = body_for("a1111", model=" ", defaults=Defaults("dreamshaper_8"))
    assert body["override_settings"]["sd_model_checkpoint"].startswith("dreamshaper_8")


@pytest.mark.parametrize("family", FAMILIES)
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


def test_files_of_the_same_name_are_distinguished_by_their_titles() -> None:
    twin = {**MODELS[0], "title": "dreamshaper_8.ckpt", "filename": "/m/dreamshaper_8.ckpt"}
    changes = {"/sdapi/v1/sd-models": [MODELS[0], {**twin, "hash": "1" * 10, "sha256": "1" * 64}]}
    body = body_for("a1111", changes, model="dreamshaper_8.ckpt")
    assert body["override_settings"]["sd_model_checkpoint"] == "dreamshaper_8.ckpt"
    with pytest.raises(UnknownName, match="means several"):
        body_for("a1111", changes, model="dreamshaper_8")


def test_an_unknown_model_is_refused_with_the_nearest_names() -> None:
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


def test_no_override_is_sent_without_need() -> None:
    assert "override_settings" not in body_for("a1111")


@pytest.mark.parametrize(
    ("requested", "model"),
    [
        ({"model": "dreamshaper_8", "model_hash": "ffffffffff"}, "dreamshaper_8"),
        ({"model": "gone", "model_hash": "879db523c3"}, "dreamshaper_8"),
        ({"model_hash": "879db523c3"}, "dreamshaper_8"),
    ],
)
def test_a_hash_is_preferred_where_the_server_knows_it(
    requested: dict[str, Any], model: str
) -> None:
    body = body_for("a1111", defaults=Defaults("sd_xl_base_1.0"), **requested)
    assert body["override_settings"]["sd_model_checkpoint"] == model


@pytest.mark.parametrize(
    ("family", "sampler", "scheduler", "sent_sampler", "sent_scheduler"),
    [
        ("a1111", "euler A", None, "Euler a", None),
        ("a1111", "k_euler", None, "Euler", None),
        ("a1111", "DPM++ 2M Karras", None, "DPM++ 2M", "Karras"),
        ("a1111", "dpm++ 2m sgm uniform", None, "DPM++ 2M", "SGM Uniform"),
        ("a1111", "Euler a", "sgmuniform", "Euler a", "SGM Uniform"),
        ("a1111-1.6", "DPM++ 2M", "Karras", "DPM++ 2M Karras", None),
        ("a1111-1.6", "dpm++ 2m karras", None, "DPM++ 2M Karras", None),
        ("sdnext", "euler a", None, "Euler a", None),
        ("sdcpp", "Euler a", None, "euler_a", None),
        ("sdcpp", "DPM++ 2M", "Karras", "dpm++2m", "karras"),
        ("koboldcpp", "DPM++ 2M Karras", None, "DPM++ 2M", "karras"),
        ("koboldcpp", "Euler A karras", None, "Euler A", "karras"),
        ("a1111", "Euler a", None, "Euler a", None),
        ("a1111", "Euler Simple", None, "Euler", "Simple"),
        ("a1111", "Euler a simple", None, "Euler a", "Simple"),
        ("a1111", "DPM++ 2M SDE", None, "DPM++ 2M SDE", None),
        ("a1111", "DPM++ 2M SDE Heun Exponential", None, "DPM++ 2M SDE Heun", "Exponential"),
        ("a1111", "dpm++ 2m sde sgm_uniform", None, "DPM++ 2M SDE", "SGM Uniform"),
        ("a1111", " DPM++  2M,  Karras ", None, "DPM++ 2M", "Karras"),
        ("a1111", "k_dpmpp_2m Karras", None, "DPM++ 2M", "Karras"),
        ("a1111", "DPM++ 2M Automatic", None, "DPM++ 2M", "Automatic"),
        ("a1111", "DPM++ 2M Karras", "Simple", "DPM++ 2M", "Karras"),
        ("a1111", None, "Karras", None, "Karras"),
        ("a1111-1.6", "Euler a", "Automatic", "Euler a", None),
        ("forge", None, None, None, None),
        ("forge", "DPM++ 2M Karras", None, "DPM++ 2M", "Karras"),
        ("sdcpp", "DPM++ 2M Karras", None, "dpm++2m", "karras"),
    ],
)
def test_samplers_and_schedulers(
    family: str,
    sampler: str | None,
    scheduler: str | None,
    sent_sampler: str | None,
    sent_scheduler: str | None,
) -> None:
    body = body_for(family, sampler=sampler, scheduler=scheduler)
    assert (body.get("sampler_name"), body.get("scheduler")) == (sent_sampler, sent_scheduler)
    assert None not in body.values()


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


@pytest.mark.parametrize("weight", ["nan", "inf", "heavy", "te=x"])
def test_a_lora_tag_whose_weight_is_not_a_number_is_refused(weight: str) -> None:
    with pytest.raises(InvalidInput, match=r"weight of the LoRA 'detail' is no number"):
        body_for("a1111", prompt=f"a cat <lora:detail:{weight}>")


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


def test_embeddings_become_the_bare_names_that_webuis_expect() -> None:
    body = body_for("a1111", negative_prompt="blurry, embedding:badhands")
    assert body["negative_prompt"] == "blurry, BadHands"


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


def test_the_servers_automatic_vae_is_not_looked_up() -> None:
    assert body_for("a1111", vae="Automatic")["override_settings"] == {"sd_vae": "Automatic"}


@pytest.mark.parametrize("word", ["None", "none"])
def test_the_checkpoints_own_vae_is_not_looked_up(word: str) -> None:
    assert body_for("a1111", vae=word)["override_settings"] == {"sd_vae": "None"}


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
