"""An image's parameters become a request again; what was set explicitly wins."""

import io
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdwebui.errors import InvalidInput
from sdwebui.parameters import ControlNet, Txt2Img
from sdwebui.reproduction import reproduced

TEXT = (
    "a cat <lora:detail:0.8>\nNegative prompt: dog\nSteps: 25, Sampler: DPM++ 2M, Schedule type: "
    "Karras, CFG scale: 5.5, Seed: 77, Face restoration: GFPGAN, Size: 640x480, Model hash: "
    "abcdef1234, Model: dream, VAE: fine.pt, Denoising strength: 0.4, Clip skip: 2, Hires upscale: "
    "1.5, Hires steps: 9, Hires upscaler: Latent, Refiner: other [1234567890], "
    "Refiner switch at: 0.7, Version: v1.10.1"
)


def picture(**texts: str) -> bytes:
    info, target = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.new("RGB", (8, 8)).save(target, "PNG", pnginfo=info)
    return target.getvalue()


def again(**given: Any) -> Txt2Img:
    return reproduced(Txt2Img.read(given), picture(parameters=TEXT))


def test_everything_that_the_infotext_says_is_repeated() -> None:
    asked = again()
    assert asked.model_dump(exclude_unset=True) == {
        "prompt": "a cat <lora:detail:0.8>",
        "negative_prompt": "dog",
        "seed": 77,
        "model": "abcdef1234",
        "width": 640,
        "height": 480,
        "steps": 25,
        "cfg_scale": 5.5,
        "sampler": "DPM++ 2M",
        "scheduler": "Karras",
        "vae": "fine.pt",
        "clip_skip": 2,
        "refiner": "other [1234567890]",
        "refiner_switch_at": 0.7,
        "restore_faces": True,
        "tiling": False,
        "enable_hr": True,
        "hr_scale": 1.5,
        "hr_upscaler": "Latent",
        "hr_steps": 9,
        "denoising_strength": 0.4,
        "extra": {},
    }


def test_explicit_values_win_and_defaults_of_the_form_do_not() -> None:
    # Dify hands over the form's defaults as if somebody had chosen them.
    asked = again(prompt="a dog", seed=-1, image_count=2, enable_hr=False, steps="30")
    assert (asked.prompt, asked.steps, asked.image_count) == ("a dog", 30, 2)
    assert (asked.seed, asked.enable_hr) == (77, True)


def test_an_aspect_ratio_takes_the_place_of_the_pictures_size() -> None:
    asked = again(aspect_ratio="16:9")
    assert (asked.aspect_ratio, asked.width, asked.height) == ("16:9", None, None)
    assert again(aspect_ratio="1:1").width == 640


def test_what_has_no_parameter_is_repeated_as_extra() -> None:
    text = (
        "a\nSteps: 20, Seed: 1, Size: 64x64, Variation seed: 9, Variation seed strength: 0.3, "
        "Denoising strength: 0.4, Hires resize: 96x128, Hires upscaler: Latent"
    )
    asked = reproduced(Txt2Img.read({"extra": {"subseed": 8, "eta": 1}}), picture(parameters=text))
    assert asked.extra == {
        "subseed": 8, "subseed_strength": 0.3, "hr_resize_x": 96, "hr_resize_y": 128, "eta": 1,
    }  # fmt: skip
    assert asked.enable_hr
    assert again().extra == {}


def test_without_a_hires_fix_its_strength_is_not_taken() -> None:
    plain = picture(parameters="a\nSteps: 20, Seed: 1, Size: 64x64, Denoising strength: 0.9")
    asked = reproduced(Txt2Img.read({}), plain)
    assert (asked.enable_hr, asked.denoising_strength) == (False, 0.5)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (picture(), "holds no generation parameters. Take the file that the WebUI made"),
        (picture(parameters="only words"), "holds no generation parameters"),
        (picture(workflow="{}"), "was made by ComfyUI, whose notes cannot be repeated here"),
        (
            picture(parameters="a\nSteps: 500, Seed: 1, Size: 64x64"),
            "reproduce: from the image's parameters: steps must be at most 150",
        ),
    ],
)
def test_what_cannot_be_repeated_is_said(file: bytes, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        reproduced(Txt2Img.read({}), file)
    assert said in str(caught.value)


def test_the_tools_own_kind_stays() -> None:
    class Held:
        name = "a.png"

        def read(self) -> bytes:
            return b""

    asked = reproduced(ControlNet.read({"control_image": Held()}), picture(parameters=TEXT))
    assert isinstance(asked, ControlNet)
    assert asked.seed == 77
