"""An image's generation data become a request again; fields of the form win."""

import io
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdwebui.client import WebUI
from sdwebui.errors import InvalidInput
from sdwebui.images.files import ImageFile
from sdwebui.parameters import ControlNet, Txt2Img
from sdwebui.planning.planner import Defaults
from sdwebui.planning.reproduction import completed
from tests.webui import URL, webui

TEXT = (
    "a cat <lora:detail:0.8>\nNegative prompt: dog\nSteps: 25, Sampler: DPM++ 2M, Schedule type: "
    "Karras, CFG scale: 5.5, Seed: 77, Face restoration: GFPGAN, Size: 640x480, Model hash: "
    "abcdef1234, Model: dream, VAE: fine.pt, Denoising strength: 0.4, Clip skip: 2, Hires upscale: "
    "1.5, Hires steps: 9, Hires upscaler: Latent, Refiner: other [1234567890], "
    "Refiner switch at: 0.7, Version: v1.10.1"
)


def png_with(**texts: str) -> bytes:
    """Return a PNG with text chunks."""
    info, target = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.new("RGB", (8, 8)).save(target, "PNG", pnginfo=info)
    return target.getvalue()


def reproduced(text: str = TEXT, **given: Any) -> Txt2Img:
    """Return parameters completed from an image with an infotext."""
    return completed(Txt2Img.read(given), png_with(parameters=text))


def test_all_of_the_infotext_is_repeated() -> None:
    assert reproduced().model_dump(exclude_unset=True, exclude={"repeated"}) == {
        "prompt": "a cat <lora:detail:0.8>",
        "negative_prompt": "dog",
        "seed": 77,
        "model": "dream",
        "model_hash": "abcdef1234",
        "size": {"width": 640, "height": 480},
        "steps": 25,
        "cfg_scale": 5.5,
        "sampler": "DPM++ 2M",
        "scheduler": "Karras",
        "vae": "fine.pt",
        "clip_skip": 2,
        "refiner": "other [1234567890]",
        "refiner_switch_at": 0.7,
        "face_restorer": "GFPGAN",
        "hires_fix": {"scale": 1.5, "upscaler": "Latent", "steps": 9, "denoising_strength": 0.4},
        "extra": {},
        "lenient": reproduced().lenient,
        "notes": (),
    }


def test_features_of_an_image_may_be_left_out_where_a_server_lacks_them() -> None:
    requested = reproduced(clip_skip=1, image_count=2)
    assert {"vae", "refiner", "face_restorer", "hires_fix", "prompt", "seed"} <= requested.lenient
    # Those of the form may not.
    assert not {"clip_skip", "image_count"} & requested.lenient


def test_explicit_values_win_and_defaults_of_the_form_do_not() -> None:
    # Dify hands over the form's defaults like values that somebody chose.
    requested = reproduced(prompt="a dog", seed=-1, image_count=2, model_family="auto", steps="30")
    assert (requested.prompt, requested.steps, requested.image_count) == ("a dog", 30, 2)
    assert requested.seed == 77


def test_a_part_of_a_hires_fix_in_the_form_changes_that_part_only() -> None:
    hires = reproduced(hires_fix="3").hires_fix
    assert hires
    assert (hires.scale, hires.upscaler, hires.steps) == (3, "Latent", 9)


def test_a_model_of_the_form_wins_over_the_images_hash() -> None:
    requested = reproduced(model="other")
    assert (requested.model, requested.model_hash) == ("other", None)


def test_an_aspect_ratio_takes_the_place_of_the_images_size() -> None:
    requested = reproduced(aspect_ratio="16:9")
    assert (requested.aspect_ratio, requested.size) == ("16:9", None)
    size = reproduced(aspect_ratio="1:1").size
    assert size
    assert size.width == 640


def test_a_second_seed_and_a_size_of_the_second_pass_are_repeated() -> None:
    requested = reproduced(
        "a\nSteps: 20, Seed: 1, Size: 64x64, Variation seed: 9, Variation seed strength: 0.3, "
        "Denoising strength: 0.4, Hires resize: 96x128, Hires upscaler: Latent"
    )
    assert (requested.variation_seed, requested.variation_strength) == (9, 0.3)
    assert requested.hires_fix
    assert requested.hires_fix.size
    assert (requested.hires_fix.size.width, requested.hires_fix.size.height) == (96, 128)


def test_more_settings_beat_the_image() -> None:
    requested = reproduced(more_settings="Clip skip: 1, Hires steps: 4, Eta: 0.5", steps=30)
    assert (requested.clip_skip, requested.steps, requested.vae) == (1, 30, "fine.pt")
    assert requested.hires_fix
    assert (requested.hires_fix.steps, requested.hires_fix.scale) == (4, 1.5)
    assert requested.fields == (("Eta", "eta", 0.5),)


def test_json_is_merged_into_the_request_of_the_image() -> None:
    requested = reproduced(more_settings='{"eta": 0.5}')
    assert (requested.extra, requested.seed) == ({"eta": 0.5}, 77)


def test_options_of_the_image_and_of_json_are_sent_together() -> None:
    requested = reproduced(
        "a cat\nSteps: 20, Seed: 5, ENSD: 31337, Eta: 0.7",
        more_settings='{"eta": null, "override_settings": {"samples_format": "jpg"}}',
    )
    with webui("a1111"):
        call = WebUI(URL).call()
        plan = call.planner.txt2img(requested)
        body = call.dialect.body(plan)
    assert body["override_settings"] == {"eta_noise_seed_delta": 31337, "samples_format": "jpg"}
    assert "eta" not in body


@pytest.mark.parametrize(
    "text", ["Denoising strength: 0.9", "Denoising strength: 0.9, Hires steps: 5"]
)
def test_without_a_hires_fix_its_strength_is_not_taken(text: str) -> None:
    assert reproduced(f"a\nSteps: 20, Seed: 1, Size: 64x64, {text}").hires_fix is None


@pytest.mark.parametrize(
    "text",
    ["Foo bar: 1", "Steps: 20x", "CFG scale: much", "Size: large", "Eta: much"],
)
def test_an_invalid_value_of_an_image_is_no_error(text: str) -> None:
    requested = reproduced(f"a cat\nSteps: 20, Seed: 5, {text}")
    assert (requested.prompt, requested.seed) == ("a cat", 5)


def test_unknown_keys_of_an_image_are_reported() -> None:
    (note,) = reproduced("a cat\nSteps: 20, Seed: 5, Foo bar: 1, Version: v1.10.1").notes
    assert note == "reproduce: left out, since not understood: Foo bar."


@pytest.mark.parametrize(
    ("file", "reported"),
    [
        (png_with(), "holds no generation parameters. Take the file that the WebUI made"),
        (png_with(parameters="only words"), "holds no generation parameters"),
        (png_with(workflow="{}"), "was made by ComfyUI, whose generation data cannot be used here"),
        (b"", "holds no generation parameters"),
        (
            png_with(parameters="a\nSteps: 500, Seed: 1, Size: 64x64"),
            "reproduce: the image's Steps must be at most 150 (got 500).",
        ),
        (
            png_with(parameters="a\nSteps: 5, Hires upscale: 9, Hires upscaler: Latent"),
            "reproduce: the image's Hires upscale must be at most 4 (got 9.0).",
        ),
    ],
)
def test_an_image_that_cannot_be_repeated_is_refused(file: bytes, reported: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        completed(Txt2Img.read({}), file)
    assert reported in str(caught.value)


def test_without_a_file_and_more_settings_nothing_changes() -> None:
    requested = Txt2Img.read({"prompt": "a"})
    assert completed(requested) is requested


def test_the_parameters_stay_those_of_the_tool() -> None:
    given = ControlNet.read({"control_image": ImageFile(b"")})
    requested = completed(given, png_with(parameters=TEXT))
    assert isinstance(requested, ControlNet)
    assert requested.seed == 77
    assert requested.control_image


def test_prompts_of_a_repeated_image_get_no_prefix() -> None:
    # The same seed with another prompt would be another image.
    defaults = Defaults(prompt_prefix="masterpiece", negative_prompt="lowres")
    with webui("a1111"):
        planner = WebUI(URL, defaults=defaults).call().planner
        text = "a cat\nNegative prompt: dog\nSteps: 5, Size: 64x64, Seed: 3"
        plan = planner.txt2img(reproduced(text))
        assert (plan.prompt, plan.negative_prompt) == ("a cat", "dog")
        plan = planner.txt2img(reproduced(text, prompt="a fox"))
        assert (plan.prompt, plan.negative_prompt) == ("masterpiece, a fox", "dog")
