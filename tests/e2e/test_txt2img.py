"""sd_txt2img: its text fields, generation data as settings, and images made again."""

from collections.abc import Callable
from typing import Any

import pytest

from devkit.files import FileServer
from devkit.host import PluginError, PluginHost, ToolResult
from devkit.simulator import Simulator
from tests.e2e.conftest import credentials, generations, names
from tests.e2e.images import opened, plain

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]
SMALL: dict[str, Any] = {"prompt": "a cat", "size": "64x64", "steps": 2}

PASTED = """a lighthouse, <lora:add_detail:0.5>
Negative prompt: blurry
Steps: 4, Sampler: Euler a, Schedule type: Karras, CFG scale: 5, Seed: 77, Size: 64x72, Clip skip: 2
"""


def sent(sim: Simulator) -> dict[str, Any]:
    """The one request that the server got."""
    (one,) = generations(sim)
    body: dict[str, Any] = one["body"]
    return body


@pytest.mark.parametrize("size", ["128x64", "128×64", "128*64", "128 64", "128,64", " 128 X 64 "])
def test_a_size_has_several_spellings(invoke: Invoke, sim: Simulator, size: str) -> None:
    assert opened(invoke(sim, "sd_txt2img", {**SMALL, "size": size})).size == (128, 64)


@pytest.mark.parametrize("family", ["a1111", "forge"])
def test_the_schedule_type_stands_behind_the_sampler(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    sim = simulators(family)
    result = invoke(sim, "sd_txt2img", {**SMALL, "sampler": "dpm++ 2m sde karras"})
    body = sent(sim)
    assert (body["sampler_name"], body["scheduler"]) == ("DPM++ 2M SDE", "Karras")
    assert (result.jsons[0]["sampler"], result.jsons[0]["scheduler"]) == ("DPM++ 2M SDE", "Karras")
    assert result.variables["warnings"] == []


def test_without_schedulers_the_whole_text_is_the_sampler(
    invoke: Invoke, simulators: Simulators
) -> None:
    sim = simulators("a1111-1.6")
    invoke(sim, "sd_txt2img", {**SMALL, "sampler": "DPM++ 2M Karras"})
    assert sent(sim)["sampler_name"] == "DPM++ 2M Karras"
    assert "scheduler" not in sent(sim)


def test_hires_fix_is_one_text(invoke: Invoke, sim: Simulator) -> None:
    requested = {**SMALL, "hires_fix": "1.5, R-ESRGAN 4x+, 0.4, 3"}
    assert opened(invoke(sim, "sd_txt2img", requested)).size == (96, 96)
    body = sent(sim)
    assert (body["enable_hr"], body["hr_scale"], body["hr_upscaler"]) == (True, 1.5, "R-ESRGAN 4x+")
    assert (body["denoising_strength"], body["hr_second_pass_steps"]) == (0.4, 3)


@pytest.mark.parametrize("pasted", [PASTED, PASTED.replace("\n", ""), PASTED.replace("\n", " ")])
def test_pasted_generation_data_fill_what_is_blank(
    invoke: Invoke, sim: Simulator, pasted: str
) -> None:
    result = invoke(sim, "sd_txt2img", {"more_settings": pasted, "steps": 3})
    told = result.jsons[0]
    assert (told["seeds"], told["width"], told["height"]) == ([77], 64, 72)
    assert (told["sampler"], told["scheduler"], told["cfg_scale"]) == ("Euler a", "Karras", 5)
    assert told["steps"] == 3
    body = sent(sim)
    assert body["prompt"].startswith("a lighthouse")
    assert "<lora:add_detail:0.5>" in body["prompt"]
    assert body["negative_prompt"] == "blurry"
    assert body["override_settings"]["CLIP_stop_at_last_layers"] == 2
    assert told["warnings"] == []


def test_a_key_of_pasted_data_that_is_not_understood_warns(invoke: Invoke, sim: Simulator) -> None:
    result = invoke(sim, "sd_txt2img", {"more_settings": f"{PASTED.strip()}, Foo bar: 3"})
    assert result.variables["warnings"] == [
        "more_settings: left out, since not understood: Foo bar."
    ]


def test_settings_without_a_field_reach_the_server(invoke: Invoke, sim: Simulator) -> None:
    settings = "Tiling: True, Face restoration: CodeFormer, Eta: 0.5, Styles: cinematic"
    result = invoke(sim, "sd_txt2img", {**SMALL, "more_settings": settings})
    body = sent(sim)
    assert (body["tiling"], body["restore_faces"], body["eta"]) == (True, True, 0.5)
    assert body["styles"] == ["cinematic"]
    assert result.variables["warnings"] == []


@pytest.mark.parametrize("given", ['{"eta": 0.5}', "{'eta': 0.5, 'tiling': True}", {"eta": 0.5}])
def test_an_object_is_merged_into_the_request(invoke: Invoke, sim: Simulator, given: Any) -> None:
    invoke(sim, "sd_txt2img", {**SMALL, "more_settings": given})
    assert sent(sim)["eta"] == 0.5


def test_without_any_prompt_it_says_so(invoke: Invoke, sim: Simulator) -> None:
    with pytest.raises(PluginError, match=r"^prompt is missing: ") as caught:
        invoke(sim, "sd_txt2img", {"more_settings": "Clip skip: 2"})
    assert caught.value.error_type == "InvokeBadRequestError"
    assert generations(sim) == []


@pytest.mark.parametrize("word", ["default", "Auto", "current", "none", "string", " "])
def test_what_a_model_writes_for_no_wish(invoke: Invoke, sim: Simulator, word: str) -> None:
    default = "realisticVisionV60B1_v51VAE"
    result = invoke(sim, "sd_txt2img", {**SMALL, "model": word}, model=default)
    assert result.variables["model"] == default


def test_a_renamed_checkpoint_is_told_its_family(invoke: Invoke, sim: Simulator) -> None:
    sim.configure(models=["mine.safetensors"])
    requested = {"prompt": "a cat", "steps": 1}
    assert opened(invoke(sim, "sd_txt2img", requested)).size == (512, 512)
    flux = {**requested, "model_family": "flux"}
    result = invoke(sim, "sd_txt2img", flux)
    assert opened(result).size == (1024, 1024)
    assert result.jsons[0]["cfg_scale"] == 1


def test_a_seed_that_the_server_chose_names_the_file(invoke: Invoke, sim: Simulator) -> None:
    # Its memory serves the first image again, whatever seed is asked for.
    sim.configure(cache_answers=True)
    invoke(sim, "sd_txt2img", {**SMALL, "seed": 7})
    result = invoke(sim, "sd_txt2img", {**SMALL, "seed": 8})
    assert [file.filename for file in result.files] == ["txt2img-7.png"]
    assert result.jsons[0]["images"][0]["filename"] == "txt2img-7.png"
    assert result.variables["seeds"] == [7]
    assert result.variables["warnings"] == ["The server used seed 7 instead of 8."]


def test_reproduce_repeats_an_image_and_explicit_values_win(
    invoke: Invoke, sim: Simulator, files: FileServer
) -> None:
    requested = {"prompt": "a cat", "seed": 11, "size": "64x72", "steps": 3}
    first = invoke(sim, "sd_txt2img", {**requested, "sampler": "Euler a Karras"})
    file = files.add(first.files[0].data, first.files[0].filename)
    again = invoke(sim, "sd_txt2img", {"reproduce": file})
    assert again.files[0].data == first.files[0].data
    other = invoke(sim, "sd_txt2img", {"reproduce": file, "seed": 12, "steps": 4})
    assert (other.jsons[0]["seeds"], other.jsons[0]["steps"]) == ([12], 4)
    assert generations(sim)[2]["body"]["prompt"] == "a cat"
    with pytest.raises(PluginError, match="reproduce: the image holds no generation parameters"):
        invoke(sim, "sd_txt2img", {"reproduce": files.add(plain(), "a.png")})


def test_the_face_detailer_and_its_further_settings(
    plugin: PluginHost, invoke: Invoke, sim: Simulator
) -> None:
    detector = names(plugin, credentials(sim), "face_detailers")[0]
    more = "ADetailer denoising strength: 0.3, ADetailer prompt: a face"
    result = invoke(sim, "sd_txt2img", {**SMALL, "face_detailer": detector, "more_settings": more})
    unit = sent(sim)["alwayson_scripts"]["ADetailer"]["args"][-1]
    assert (unit["ad_model"], unit["ad_denoising_strength"]) == (detector, 0.3)
    assert unit["ad_prompt"] == "a face"
    assert result.variables["warnings"] == []


def test_a_missing_face_detailer_is_said(invoke: Invoke) -> None:
    with Simulator(family="a1111") as bare:
        with pytest.raises(PluginError, match="face_detailer needs the extension ADetailer"):
            invoke(bare, "sd_txt2img", {"prompt": "a", "face_detailer": "face_yolov8n.pt"})
        assert generations(bare) == []
