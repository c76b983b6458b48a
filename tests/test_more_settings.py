"""Settings, JSON and whole infotexts are understood however they are written."""

import re
from typing import Any

import pytest

from sdwebui.parameters import Size, Txt2Img
from tests.settings import FIELDS, completed_with, holds, refusal, sent, without_breaks

# Settings


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
    requested = completed_with(text, Txt2Img)
    assert (requested.clip_skip, requested.vae) == (2, "vae-ft-mse")
    assert requested.hires_fix
    assert (requested.hires_fix.scale, requested.hires_fix.upscaler) == (1.5, "Latent")
    assert requested.fields == (("Eta", "eta", 0.5),)


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
    assert completed_with(text, Txt2Img).styles == styles


@pytest.mark.parametrize("text", ["", " ", "\n", None, "None"])
def test_a_blank_text_sets_nothing(text: Any) -> None:
    requested = completed_with(text, Txt2Img, prompt="a")
    assert set(requested.explicit) <= {"prompt", "more_settings"}
    assert requested.notes == ()


@pytest.mark.parametrize("text", ["Sampler: NONE", "Clip skip: -1", "Clip skip: 0", "Size: 0x0",
                                  "Sampler: Undefined", "Clip skip:"])  # fmt: skip
def test_values_that_mean_none_set_nothing(text: str) -> None:
    plan, body = sent(text, prompt="a cat")
    assert body == sent("", prompt="a cat")[1]
    assert plan.notes == ()


@pytest.mark.parametrize("size", ["832×1216", "832.0x1216.0", "832 1216"])
def test_a_size_is_read_as_in_the_form(size: str) -> None:
    requested = completed_with(f"Size: {size}", Txt2Img)
    assert requested.size == Txt2Img.read({"size": size}).size == Size(width=832, height=1216)


def test_several_loras_need_no_quotes() -> None:
    requested = completed_with("LoRA: detail:0.5, other:0.8, Clip skip: 2", Txt2Img)
    loras = [(lora.name, lora.weight) for lora in requested.lora]
    assert loras == [("detail", 0.5), ("other", 0.8)]
    assert requested.clip_skip == 2


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


def test_an_object_wins_and_null_removes_a_field() -> None:
    _, body = sent('{"steps": 30, "n_iter": null}', prompt="a cat", steps=20)
    assert body["steps"] == 30
    assert "n_iter" not in body


@pytest.mark.parametrize("text", ['{"eta": 0.5', "{eta: 0.5}", "{", '{"a": NaN}', "{'a': b'x'}"])
def test_an_invalid_object_is_refused(text: str) -> None:
    assert refusal(text).startswith("more_settings: ")


@pytest.mark.parametrize("text", ['{"size": "512x512"}', "{'model': 'x'}", '{"Clip skip": 2}'])
def test_json_with_names_that_no_request_has_is_refused(text: str) -> None:
    assert "JSON holds fields of the server's request" in refusal(text)


def test_json_may_hold_the_prompt() -> None:
    _, body = sent('```json\n{"prompt": "a dog"}\n```')
    assert body["prompt"] == "a dog"


# Whole infotexts

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


@pytest.mark.parametrize(
    ("text", "expected"), [(A1111, A1111_SENT), (CIVITAI, CIVITAI_SENT)], ids=["a1111", "civitai"]
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", " \n", "\n\n"])
def test_a_whole_infotext_is_sent(text: str, expected: dict[str, Any], ends: str) -> None:
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
def test_an_infotext_may_lack_its_line_breaks(
    text: str, expected: dict[str, Any], between: str
) -> None:
    """Check that an infotext from a one-line form field is understood."""
    plan, body = sent(without_breaks(text, between), seed=-1)
    prompts = {"prompt", "negative_prompt"}
    assert holds(body, {name: value for name, value in expected.items() if name not in prompts})
    for name in prompts:
        assert "".join(body[name].split()) == "".join(expected[name].split())
    assert plan.notes == ()


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
        # The prompt begins like a setting.
        (f"Model: a tall woman, red dress\nNegative prompt: dog\n{FIELDS}",
         "Model: a tall woman, red dress", "dog"),
        (f"Prompt: a cat\nNegative prompt: dog\n{FIELDS}", "a cat", "dog"),
    ],
)  # fmt: skip
def test_prompts_are_taken_from_an_infotext(text: str, prompt: str, negative: str) -> None:
    requested = completed_with(text, Txt2Img)
    assert (requested.prompt, requested.negative_prompt) == (prompt, negative)
    if FIELDS in text:
        assert (requested.steps, requested.sampler, requested.cfg_scale, requested.seed) == (
            20,
            "Euler a",
            5,
            5,
        )


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
    requested = completed_with(text, Txt2Img)
    assert (requested.prompt, requested.negative_prompt) == ("a cat, on a mat", "dog")
    assert (requested.seed, requested.steps, requested.clip_skip) == (5, 20, 2)
    assert requested.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "a cat\nNegative prompt: dog\nSize: 256x256, Seed: 9, Steps: 5, Sampler: Euler a",
        "a cat\nNegative prompt: dog\nSteps: 5, Sampler: Euler a,\nSeed: 9, Size: 256x256",
        "Prompt: a cat\nNegative prompt: dog\nSteps: 5\nSampler: Euler a\nSeed: 9\nSize: 256x256",
        "a cat\nnegative prompt: dog\nsteps: 5, sampler: Euler a, seed: 9, size: 256x256",
    ],
)
def test_settings_are_read_on_any_line(text: str) -> None:
    requested = completed_with(text, Txt2Img)
    assert (requested.prompt, requested.negative_prompt) == ("a cat", "dog")
    assert (requested.steps, requested.seed, requested.sampler) == (5, 9, "Euler a")
    assert requested.size == Size(width=256, height=256)


def test_a_prompt_may_begin_with_a_descriptive_key() -> None:
    text = "User: hi, a cat\nSteps: 3, Sampler: Euler a, Size: 64x64"
    assert completed_with(text, Txt2Img).prompt == "User: hi, a cat"


def test_unknown_keys_of_an_infotext_are_reported() -> None:
    text = f"a cat\n{FIELDS}, Foo bar: 3, Version: v1.10.1"
    assert completed_with(text, Txt2Img).notes == (
        "more_settings: left out, since not understood: Foo bar.",
    )
    many = ", ".join(f"Foo {number}: 1" for number in range(12))
    (note,) = completed_with(f"a cat\n{FIELDS}, {many}", Txt2Img).notes
    assert note.endswith("Foo 7 and 4 more.")
