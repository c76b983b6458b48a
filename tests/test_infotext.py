"""Promises of sdwebui.infotext.parse and sdwebui.infotext.fields."""

import io
import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdwebui.images import metadata
from sdwebui.infotext import parse as infotext
from sdwebui.infotext.makers import foreign_maker
from sdwebui.infotext.parse import Infotext, build, parse, parse_pairs
from tests.recordings import FAMILIES, cases, strings

# One sample of each family; all but the Civitai one as recorded.

A1111 = (
    '猫 🐱\nline two, "quoted": x <lora:tinylora:0.8>\n'
    "Negative prompt: низкое\nкачество\n"
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: 4262213586, "
    "Face restoration: CodeFormer, Size: 512x768, Model hash: ac818510da, Model: tiny-random, "
    "VAE hash: 5cc7267401, VAE: random-vae.safetensors, Variation seed: 9, "
    "Variation seed strength: 0.3, Denoising strength: 0.7, Clip skip: 2, Tiling: True, "
    "Hires upscale: 1.5, Hires steps: 10, Hires upscaler: R-ESRGAN 4x+, "
    'Refiner: "xl, refiner [7440042bbd]", Refiner switch at: 0.8, '
    'Lora hashes: "tinylora: 34fe9b514d2d, odd: name: 697823a70d00", '
    'TI hashes: "test-embed: c895db471fe3", Version: v1.10.1'
)
FORGE = (
    "a cat test-embed\nSteps: 1, Sampler: Euler, Schedule type: Simple, CFG scale: 1.0, "
    "Distilled CFG Scale: 3.5, Seed: 5, Size: 64x64, Model hash: ac818510da, Model: flux, "
    "TI: test-embed, "
    'ControlNet 0: "Module: canny, Model: control_random_sd15_canny [dcc9562a], Weight: 1.0", '
    "Version: f2.0.1v1.10.1-previous-669-gdfdcbab6, Module 1: ae, Module 2: t5xxl"
)
SDNEXT = (
    "3d print a cat\nNegative prompt: blurry\nugly\nTemplate: a cat\nsitting\n"
    "Negative template: blurry\n"
    "Steps: 2, Size: 64x64, Sampler: Euler a, Scheduler: EulerAncestralDiscreteScheduler, Seed: 5, "
    "CFG scale: 5.5, CFG rescale: 0.0, CLiP-skip: 2, Styles: Reference/3d print, App: SD.Next, "
    "Version: unknown, Pipeline: StableDiffusionPipeline, Operations: hires; txt2img, "
    "Model: tiny-random, Model hash: ac818510da, LoRA networks: tinylora, second, "
    "Variation strength: 0.3, Hires upscaler: Lanczos, Hires scale: 2.0, Hires size: 128x128, "
    "Hires steps: 2, Hires strength: 0.5"
)
SDCPP_JSON = {
    "loras": [{"multiplier": 0.800000011920929, "name": "random-lora-small.safetensors"}],
    "prompt": {"negative": "blurry, low quality", "positive": "a red apple"},
}
SDCPP = (
    "a red apple\nNegative prompt: blurry, low quality\n"
    "Steps: 2, CFG scale: 7.000000, Guidance: 3.500000, Eta: inf, Seed: 1234, Size: 64x64, "
    "Model: random-sd15-small.safetensors, RNG: cuda, Sampler: euler_a karras, Clip skip: -1, "
    "Hires upscale: Latent, Hires scale: 2.000000, Hires resize: 0x0, Hires steps: 0, "
    "Denoising strength: 0.500000, Version: stable-diffusion.cpp, SDCPP: " + json.dumps(SDCPP_JSON)
)
KOBOLD = (
    "Prompt: a | red apple, <lora:random-lora-small:0.8> | NegativePrompt: línea\nzwei,  | "
    "Steps: 2 | CFGScale: 5 | Guidance: 0 | Seed: 42 | Size: 64x128 | Sampler: euler_a karras| "
    "Eta: inf | Clip skip: 2 | Model: random-sd15-small.safetensors | Version: KoboldCpp"
)
CIVITAI = (
    "a cat\nNegative prompt: dog\nSteps: 25, Sampler: Undefined, Seed: 1, "
    'Hashes: {"model": "abc", "lora:x": "def"}, Civitai resources: [{"type":"checkpoint",'
    '"modelName":"Name, with: marks"}], Size: 832x1216, Civitai metadata: {}'
)


def reported(text: Infotext, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(text, name) for name in names)


# Families


def test_a1111() -> None:
    text = parse(A1111)
    assert text.prompt == '猫 🐱\nline two, "quoted": x <lora:tinylora:0.8>'
    assert text.negative_prompt == "низкое\nкачество"
    assert reported(text, "steps", "sampler", "scheduler", "cfg_scale", "seed") == (
        (20, "DPM++ 2M", "Karras", 5.5, 4262213586)
    )
    assert reported(text, "width", "height", "model", "model_hash") == (
        (512, 768, "tiny-random", "ac818510da")
    )
    assert reported(text, "vae", "clip_skip", "variation_seed", "variation_strength") == (
        ("random-vae.safetensors", 2, 9, 0.3)
    )
    assert reported(text, "denoising_strength", "hires_upscaler", "hires_scale", "hires_steps") == (
        (0.7, "R-ESRGAN 4x+", 1.5, 10)
    )
    assert reported(text, "refiner", "refiner_switch_at") == ("xl, refiner [7440042bbd]", 0.8)
    assert reported(text, "face_restoration", "tiling", "hires_size") == ("CodeFormer", True, None)
    assert text.loras == (("tinylora", 0.8),)
    assert text.lora_hashes == {"tinylora": "34fe9b514d2d", "odd: name": "697823a70d00"}
    assert text.applied_loras == ("tinylora", "odd: name")
    assert text.ti_hashes == {"test-embed": "c895db471fe3"}
    assert text.fields["Version"] == "v1.10.1"


def test_forge() -> None:
    text = parse(FORGE)
    assert text.distilled_cfg_scale == 3.5
    assert text.modules == ("ae", "t5xxl")
    assert text.ti_hashes == {"test-embed": ""}
    assert text.model == "flux"
    assert text.fields["ControlNet 0"] == (
        "Module: canny, Model: control_random_sd15_canny [dcc9562a], Weight: 1.0"
    )
    assert text.applied_loras == ()


def test_sdnext() -> None:
    text = parse(SDNEXT)
    assert text.prompt == "3d print a cat"
    assert text.negative_prompt == "blurry\nugly"
    assert text.fields["Template"] == "a cat\nsitting"
    assert text.fields["Negative template"] == "blurry"
    assert reported(text, "sampler", "scheduler", "clip_skip") == ("Euler a", None, 2)
    assert reported(text, "hires_upscaler", "hires_scale", "hires_size") == (
        "Lanczos",
        2.0,
        (128, 128),
    )
    assert reported(text, "hires_steps", "denoising_strength") == (2, 0.5)
    assert text.variation_strength == 0.3
    assert text.applied_loras == ("tinylora", "second")


def test_sdnext_without_a_prompt() -> None:
    text = parse("Negative prompt: \nSteps: 20, Size: 1024x1024, App: SD.Next, Model: tiny-sd")
    assert (text.prompt, text.negative_prompt, text.steps) == ("", "", 20)


def test_stable_diffusion_cpp() -> None:
    text = parse(SDCPP)
    assert (text.prompt, text.negative_prompt) == ("a red apple", "blurry, low quality")
    assert reported(text, "cfg_scale", "sampler", "scheduler") == (7.0, "euler_a", "karras")
    assert reported(text, "hires_upscaler", "hires_scale", "hires_size") == ("Latent", 2.0, None)
    assert reported(text, "hires_steps", "denoising_strength", "clip_skip") == (0, 0.5, None)
    assert text.fields["Sampler"] == "euler_a karras"
    assert json.loads(text.fields["SDCPP"]) == SDCPP_JSON
    assert text.loras == (("random-lora-small.safetensors", 0.8),)
    assert text.applied_loras == ("random-lora-small.safetensors",)


@pytest.mark.parametrize("tail", ["{", "[]", '{"loras": 5}', '{"loras": [{"name": 1}]}', "x"])
def test_a_broken_json_of_stable_diffusion_cpp_says_nothing(tail: str) -> None:
    assert parse(f"a\nSteps: 1, Sampler: NONE, Version: x, SDCPP: {tail}").loras == ()


def test_stable_diffusion_cpps_word_for_its_default_is_no_sampler() -> None:
    assert parse("a\nSteps: 2, Sampler: NONE, Version: stable-diffusion.cpp").sampler is None


def test_koboldcpp() -> None:
    text = parse(KOBOLD)
    assert text.prompt == "a | red apple, <lora:random-lora-small:0.8>"
    assert text.negative_prompt == "línea\nzwei"
    assert reported(text, "steps", "cfg_scale", "seed", "width", "height") == (2, 5.0, 42, 64, 128)
    assert reported(text, "sampler", "scheduler", "clip_skip") == ("euler_a", "karras", 2)
    assert reported(text, "model", "loras") == (
        ("random-sd15-small.safetensors", (("random-lora-small", 0.8),))
    )
    assert text.fields["Version"] == "KoboldCpp"


def test_koboldcpp_appends_a_comma_to_both_prompts() -> None:
    text = parse("Prompt: a red apple,  | NegativePrompt: ,  | Steps: 2 | Version: KoboldCpp")
    assert (text.prompt, text.negative_prompt) == ("a red apple", "")


def test_json_values_are_read_whole() -> None:
    text = parse(CIVITAI)
    assert json.loads(text.fields["Hashes"])["lora:x"] == "def"
    assert json.loads(text.fields["Civitai resources"])[0]["modelName"] == "Name, with: marks"
    assert (text.width, text.height, text.fields["Civitai metadata"]) == (832, 1216, "{}")


# Odd texts


def test_old_sampler_names_stay_as_they_are_written() -> None:
    text = parse("a\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7")
    assert (text.sampler, text.scheduler) == ("DPM++ 2M Karras", None)


def test_a_prompt_may_look_like_fields() -> None:
    prompt = "Steps: 20, Sampler: Euler, Seed: 7\nratio 3: 4, a: b"
    text = parse(f"{prompt}\nNegative prompt: Steps: 1, x\nSteps: 5, Seed: 1")
    assert (text.prompt, text.negative_prompt) == (prompt, "Steps: 1, x")
    assert (text.steps, text.seed) == (5, 1)


def test_fields_without_steps_are_known_by_their_number() -> None:
    # SD.Next, recording txt2img-steps-minus-1.
    text = parse("a cat\nNegative prompt: \nSize: 64x64, Scheduler: X, Seed: 5, App: SD.Next")
    assert (text.prompt, text.seed, text.steps) == ("a cat", 5, None)


@pytest.mark.parametrize(
    "text", ["a cat", "a cat, dog: 1, bird: 2, fish: 3", "x\nSteps: many, a", "a: 1, b: 2"]
)
def test_of_a_text_without_fields_all_is_prompt(text: str) -> None:
    assert parse(text) == Infotext(prompt=text)


PROPERTIES = [name for name, one in vars(Infotext).items() if isinstance(one, property)]


def test_nothing_says_nothing() -> None:
    text = parse("")
    assert [name for name in PROPERTIES if getattr(text, name)] == []


def test_windows_line_ends_are_taken() -> None:
    text = parse("a\r\nb\r\nNegative prompt: c\r\nSteps: 1, Seed: 2\r\n")
    assert (text.prompt, text.negative_prompt, text.seed) == ("a\nb", "c", 2)


def test_templates_of_the_dynamic_prompts_extension_stand_below_the_fields() -> None:
    text = parse("a red cat\nSteps: 1, Seed: 2\nTemplate: a {red|blue}\ncat\nNegative Template: x")
    assert (text.prompt, text.seed) == ("a red cat", 2)
    assert (text.fields["Template"], text.fields["Negative Template"]) == ("a {red|blue}\ncat", "x")


def test_a_comma_in_a_value_without_quotes_stays_in_it() -> None:
    fields = parse("a\nSteps: 1, Styles: one, two three,four, Seed: 3").fields
    assert (fields["Styles"], fields["Seed"]) == ("one, two three,four", "3")


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("Steps: 20, VAE: x.pt", [("Steps", "20"), ("VAE", "x.pt")]),
        ("Steps:20,VAE:x.pt", [("Steps", "20"), ("VAE", "x.pt")]),
        ("Styles: a, b, Steps: 20", [("Styles", "a, b"), ("Steps", "20")]),
        ('Unit: "Module: canny, Weight: 1", Steps: 20', [("Unit", "Module: canny, Weight: 1"),
                                                         ("Steps", "20")]),
        ('Hashes: {"a": "b, c"}, X: [1, 2]', [("Hashes", '{"a": "b, c"}'), ("X", "[1, 2]")]),
        ("a cat, Steps: 20", [("Steps", "20")]),
        ("Steps: 20, Steps: 30", [("Steps", "20"), ("Steps", "30")]),
        ("Steps:", [("Steps", "")]),
        ("Steps: 20,", [("Steps", "20")]),
        ("just words", []),
        ("", []),
    ],
)  # fmt: skip
def test_pairs_are_taken_apart_in_order(text: str, pairs: list[tuple[str, str]]) -> None:
    assert parse_pairs(text) == pairs


def test_quotes_that_are_never_closed_do_no_harm() -> None:
    fields = parse('a\nSteps: 1, Model: "x, y, Seed: 3, Note: "q" z').fields
    assert fields == {"Steps": "1", "Model": '"x, y', "Seed": "3", "Note": '"q" z'}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("<lora:a>", (("a", 1.0),)),
        ("<lora:a:>", (("a", 1.0),)),
        ("<lora:dir/a b-1.0:-0.5>x<lyco:b:.3>", (("dir/a b-1.0", -0.5), ("b", 0.3))),
        ("<lora:a:0.8:0.5>", (("a", 0.8),)),
        ("<lora:a:te=0.4:unet=1>", (("a", 0.4),)),
        ("<lora:a:abc> <lora:a:nan> <lora> <hypernet:a:1> <lora:a", ()),
    ],
)
def test_lora_tags(tags: str, expected: tuple[tuple[str, float], ...]) -> None:
    assert parse(f"a {tags} cat\nSteps: 1").loras == expected


@pytest.mark.parametrize("value", ["", "x", "inf", "nan", "1e999", "--1", "5.5", "9" * 5000])
def test_numbers_that_are_none_are_left_out(value: str) -> None:
    text = parse(f"a\nSteps: 1, Seed: {value}, CFG scale: {value}, Size: {value}x5")
    assert text.seed is None
    assert text.cfg_scale in (None, 5.5)
    assert text.width is None


@given(st.text())
@example("Steps: 1, " + "[" * 100_000)
@example('Steps: 1, x: "' + "\\" * 999)
@example("Prompt:  | Steps: | NegativePrompt: ")
def test_garbage_never_raises(garbage: str) -> None:
    for text in (garbage, f"a\nSteps: 1, {garbage}", f"Prompt: {garbage} | Steps: 1"):
        read = parse(text)
        assert len(read.prompt) <= len(text)
        for name in PROPERTIES:
            getattr(read, name)


@pytest.mark.parametrize(
    "text",
    [
        "Prompt: " + " | NegativePrompt: " * 30_000,
        "a\nSteps: 1" + ",x" * 300_000,
        "a\nSteps: 1" + ', "x' * 200_000,
        "\nTemplate: x" * 60_000 + "\nSteps: 1, App: SD.Next",
        "Steps: 1\n" + "y\n" * 300_000,
        "<lora:" * 100_000 + "\nSteps: 1",
    ],
    ids=["kobold", "commas", "quotes", "templates", "lines", "tags"],
)
def test_long_texts_take_time_in_proportion(text: str) -> None:
    start = time.process_time()
    assert parse(text).loras == ()
    assert time.process_time() - start < 5


# Writing


PROMPTS = st.text(
    alphabet=st.characters(exclude_characters="\r", exclude_categories=["Cs"])
).filter(lambda text: "Negative prompt:" not in text and not text.startswith("Prompt: "))
NAMES = st.from_regex(r"[A-Z][a-zA-Z0-9]{0,8}( [a-z0-9]{1,5}){0,2}", fullmatch=True).filter(
    lambda name: name not in ("Steps", "App")
)


@given(
    PROMPTS,
    PROMPTS,
    st.integers(0, 10**6),
    st.dictionaries(
        NAMES, st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.integers()
    ),
)
@example("a\nSteps: 3, Seed: 4", "Steps: 9, Size: 1x1", 20, {"Model": 'a, "b": c', "X": "{1}"})
@example("", "only negative", 1, {"Model": "ends in comma,", "Y": '"', "Z": ""})
@example(
    "", "", 1, {"A": "[1]", "B": " spaces ", "C": "line\nbreak", "D": "\\", "E": "a: b", "F": '"q"'}
)
def test_what_is_built_reads_back(
    prompt: str, negative: str, steps: int, fields: dict[str, str | int]
) -> None:
    text = build(prompt, negative, {**fields, "Steps": steps})
    read = parse(text)
    assert read.prompt == prompt.strip()
    assert read.negative_prompt == negative.strip()
    assert read.steps == steps
    assert dict(read.fields) == {"Steps": str(steps)} | {
        name: str(value) for name, value in fields.items()
    }


def test_the_format_is_a1111s() -> None:
    fields = {
        "Steps": 1,
        "Sampler": "Euler",
        "Schedule type": "Automatic",
        "CFG scale": 7.0,
        "Face restoration": None,
        "Lora hashes": "tinylora: 34fe9b514d2d",
        "Version": "v1.10.1",
    }
    assert build("a cat", "dog", fields) == (
        "a cat\nNegative prompt: dog\nSteps: 1, Sampler: Euler, Schedule type: Automatic, "
        'CFG scale: 7.0, Lora hashes: "tinylora: 34fe9b514d2d", Version: v1.10.1'
    )
    assert build("", "", {"Seed": 1, "Steps": 2}) == "Steps: 2, Seed: 1"


# Files


def test_the_text_is_read_from_a_file() -> None:
    target = io.BytesIO()
    Image.new("RGB", (8, 8)).save(target, "PNG")
    assert infotext.read_parameters(target.getvalue()) is None
    assert infotext.read_parameters(b"no image") is None
    assert infotext.read_parameters(metadata.with_parameters(target.getvalue(), A1111)) == A1111


@pytest.mark.parametrize(
    ("keyword", "text", "maker"),
    [
        ("workflow", "{}", "ComfyUI"),
        ("Software", "NovelAI", "NovelAI"),
        ("invokeai_metadata", "{}", "InvokeAI"),
        ("Software", "Photoshop", None),
        ("parameters", "a cat", None),
    ],
)
def test_images_of_other_programs_are_known(keyword: str, text: str, maker: str | None) -> None:
    target = io.BytesIO()
    info = PngInfo()
    info.add_text(keyword, text)
    Image.new("RGB", (8, 8)).save(target, "PNG", pnginfo=info)
    assert foreign_maker(target.getvalue()) == maker


# Real servers


def recorded_answers(family: str) -> list[tuple[str, dict[str, Any], str]]:
    """Case, ``info`` and the infotext of its first image."""
    found = []
    for case in cases(family):
        try:
            info = json.loads(case.answer["info"])
            found.append(
                (case.name, info, info["infotexts"][info.get("index_of_first_image") or 0])
            )
        except (TypeError, KeyError, ValueError, IndexError):
            continue
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_infotexts_say_what_info_says(family: str) -> None:
    answers = recorded_answers(family)
    assert len(answers) > 100
    for case, info, text in answers:
        read = parse(text)
        # sd.cpp puts random seeds and clamped steps into the infotext alone.
        assert read.prompt.removesuffix(",").strip() in info["prompt"], case
        assert read.seed is not None or case == "txt2img-seed-minus-2", case
        assert (read.width, read.height) != (None, None), case
        assert read.model, case
        if family in ("a1111", "forge"):
            assert read.prompt == info["prompt"].strip(), case
            assert read.negative_prompt == info["negative_prompt"].strip(), case
            assert read.steps == info["steps"], case
            assert read.sampler == info["sampler_name"], case
            assert read.cfg_scale == info["cfg_scale"], case
            assert read.seed == info["all_seeds"][0], case
            assert (read.width, read.height) == (info["width"], info["height"]), case
            assert read.model == info["sd_model_name"], case
            assert read.model_hash == info["sd_model_hash"], case


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_infotexts_survive_being_rewritten(family: str) -> None:
    texts = {text for _, place, text in strings(family) if "infotext" in place and "Size: " in text}
    assert len(texts) > 50
    for text in texts:
        read = parse(text)
        again = parse(build(read.prompt, read.negative_prompt, {"Steps": 1} | dict(read.fields)))
        assert again.prompt == read.prompt
        assert again.negative_prompt == read.negative_prompt
        assert dict(again.fields) == {"Steps": "1"} | dict(read.fields)
