"""Requests are planned before they are sent, within each family's features and limits."""

from typing import Any

import pytest

from sdwebui.client import WebUI
from sdwebui.dialects.plan import Plan, Source
from sdwebui.errors import InvalidInput, Unsupported
from sdwebui.parameters import Img2Img, Txt2Img
from sdwebui.planning.planner import NO_DEFAULTS, Defaults
from sdwebui.planning.sources import Prepared
from tests.plans import LARGE, body_for, planned
from tests.webui import FAMILIES, URL, webui


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


def test_a_seed_in_extra_is_within_the_limits_of_seeds() -> None:
    with pytest.raises(InvalidInput, match="seed must be a whole number"):
        body_for("a1111", extra={"seed": "random"})
    with pytest.raises(Unsupported, match="takes seeds up to 2147483647"):
        body_for("sdcpp", extra={"seed": 2**31})


@pytest.mark.parametrize("family", FAMILIES)
def test_body_is_complete_and_holds_no_null(family: str) -> None:
    body = body_for(family)
    assert {"prompt", "negative_prompt", "width", "height", "steps", "cfg_scale", "seed"} <= set(
        body
    )
    assert None not in body.values()
    assert 0 <= body["seed"] < 2**31
    assert (body["width"], body["height"]) == (512, 512)


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
def test_a_feature_of_generation_data_that_a_family_lacks_is_left_out_with_a_note(
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
        # A reproduced image has them already.
        (
            Defaults("", "masterpiece", "lowres"),
            {"prompt": "masterpiece, a cat", "negative_prompt": "lowres, dog"},
            "masterpiece, a cat",
            "lowres, dog",
        ),
        (NO_DEFAULTS, {}, "a cat", ""),
    ],
)
def test_prompts_of_the_credentials_come_first(
    defaults: Defaults, requested: dict[str, Any], prompt: str, negative: str
) -> None:
    body = body_for("a1111", defaults=defaults, **requested)
    assert (body["prompt"], body["negative_prompt"]) == (prompt, negative)


def test_a_prompt_of_the_credentials_alone_is_no_prompt() -> None:
    with pytest.raises(InvalidInput, match="prompt is missing"):
        body_for("a1111", defaults=Defaults("", "masterpiece"), prompt="")


def test_a_lora_in_a_prompt_of_the_credentials_is_used() -> None:
    body = body_for("a1111", defaults=Defaults("", "film <lora:detail:0.5>"))
    assert body["prompt"] == "film, a cat <lora:detail:0.5>"


def test_an_empty_prompt_is_refused() -> None:
    reported = (
        "prompt is missing: say what the image should show, in prompt or with generation data"
    )
    with pytest.raises(InvalidInput, match=reported):
        body_for("a1111", prompt=" ")


@pytest.mark.parametrize(
    ("family", "counts"),
    [
        ("a1111", {"batch_size": 1, "n_iter": 3}),
        ("forge", {"batch_size": 1, "n_iter": 3}),
        ("sdnext", {"batch_size": 1, "n_iter": 3}),
        ("sdcpp", {"batch_size": 3}),
        ("koboldcpp", {"batch_size": 1}),
    ],
)
def test_images_are_counted_as_the_family_counts(family: str, counts: dict[str, int]) -> None:
    body = body_for(family, image_count=3)
    keys = ("batch_size", "n_iter")
    assert {key: body[key] for key in keys if key in body} == counts


def hires(family: str) -> dict[str, Any]:
    """Return the fields of a hires fix in a request body."""
    body = body_for(family, hires_fix="1.5, 0.4, 7")
    return {key: value for key, value in body.items() if "hr" in key or "denois" in key}


def test_a_hires_fix_has_all_fields_that_each_family_needs() -> None:
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


def test_details_of_a_hires_fix_are_sent_where_they_are_given() -> None:
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
    # A scale is preferred to a size.
    assert "hr_resize_x" not in body_for("a1111", hires_fix={**details, "scale": 1.5})


@pytest.mark.parametrize(
    ("family", "has"), [("a1111", True), ("a1111-1.6", False), ("sdnext", False)]
)
def test_a_job_gets_an_id_where_the_server_can_find_it_again(family: str, *, has: bool) -> None:
    assert ("force_task_id" in body_for(family)) is has


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


def test_a_rounded_size_is_reported() -> None:
    plan, _ = planned("a1111", size="100x512")
    assert plan.notes == ("width 100 became 104, a multiple of 8.",)


def test_the_loaded_model_decides_blank_sizes() -> None:
    assert body_for("a1111", LARGE, aspect_ratio="16:9")["width"] == 1344


def test_a_given_family_decides_blank_sizes() -> None:
    body = body_for("a1111", LARGE, model_family="sd15")
    assert (body["width"], body["height"]) == (512, 512)
    body = body_for("a1111", model_family="flux")
    assert (body["width"], body["cfg_scale"]) == (1024, 1.0)
    # The name still shows a distilled model.
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


def test_no_list_is_requested_when_all_values_are_given() -> None:
    with webui("a1111") as mock:
        planner = WebUI(URL).call().planner
        planner.txt2img(Txt2Img.read({"prompt": "x", "size": "512", "steps": 9, "cfg_scale": 5}))
        assert [call.request.path_url for call in mock.calls] == ["/openapi.json"]


@pytest.mark.parametrize("number", [0, 7])
def test_seeds_are_kept(number: int) -> None:
    assert body_for("a1111", seed=number)["seed"] == number


def changed(family: str, **requested: Any) -> tuple[Plan, dict[str, Any]]:
    """Return plan and body of an img2img job with a mask."""
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
