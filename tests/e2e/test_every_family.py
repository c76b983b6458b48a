"""The main job over every family of servers: credentials, names, images, receipts."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from devkit.faults import FAMILIES
from devkit.host import PluginError, PluginHost, ToolResult
from devkit.simulator import Simulator
from sdwebui.images.metadata import parameters_of
from tests.e2e.conftest import PROVIDER, credentials, generations, names

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]
every_family = pytest.mark.parametrize("family", FAMILIES)


@every_family
def test_credentials_are_checked(plugin: PluginHost, simulators: Simulators, family: str) -> None:
    sim = simulators(family)
    plugin.validate_credentials(PROVIDER, credentials(sim))
    first = names(plugin, credentials(sim), "models")[0]
    plugin.validate_credentials(PROVIDER, credentials(sim, model=first.upper()))
    with pytest.raises(PluginError, match="no model 'no-such-model'") as caught:
        plugin.validate_credentials(PROVIDER, credentials(sim, model="no-such-model"))
    assert caught.value.error_type == "CredentialsValidateFailedError"


@every_family
def test_names_are_listed_live(plugin: PluginHost, simulators: Simulators, family: str) -> None:
    access = credentials(simulators(family))
    kinds = ("models", "samplers", "schedulers", "vaes", "upscalers")
    found = {kind: names(plugin, access, kind) for kind in kinds}
    assert found["models"]
    assert found["samplers"]
    assert bool(found["schedulers"]) is (family not in {"a1111-1.6", "sdnext"})
    assert bool(found["vaes"]) is (family not in {"sdcpp", "koboldcpp"})
    assert all("None" not in listed for listed in found.values())


@every_family
def test_images_come_as_blobs_with_text_json_and_variables(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    sim = simulators(family)
    requested = {"prompt": "a lighthouse at dusk", "image_count": 3, "seed": 41, "size": "128x128"}
    result = invoke(sim, "sd_txt2img", {**requested, "steps": "4"})
    assert [file.filename.rpartition(".")[0] for file in result.files] == [
        "txt2img-41",
        "txt2img-42",
        "txt2img-43",
    ]
    for file in result.files:
        image = Image.open(io.BytesIO(file.data))
        assert image.size == (128, 128)
        assert file.mime_type == f"image/{(image.format or '').lower()}"
    assert len({file.data for file in result.files}) == 3
    (told,) = result.jsons
    assert told["seeds"] == result.variables["seeds"] == [41, 42, 43]
    assert (told["width"], told["height"], told["steps"]) == (128, 128, 4)
    assert [image["filename"] for image in told["images"]] == [f.filename for f in result.files]
    assert [image["bytes"] for image in told["images"]] == [f.size for f in result.files]
    assert told["warnings"] == result.variables["warnings"] == []
    assert result.variables["model"] == told["model"] != ""
    assert result.text.startswith("3 images, 128×128, model ")
    assert {message["type"] for message in result.raw_messages} == {
        "blob_chunk",
        "text",
        "json",
        "variable",
    }


@every_family
def test_the_same_seed_makes_the_same_image(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    sim = simulators(family)
    requested = {"prompt": "a cat", "seed": 7, "size": "64", "steps": 2}
    first, second = (invoke(sim, "sd_txt2img", requested).files[0].data for _ in range(2))
    other = invoke(sim, "sd_txt2img", {**requested, "seed": 8}).files[0].data
    assert first == second != other


@every_family
def test_unset_values_have_several_spellings(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    sim = simulators(family)
    unset = {"negative_prompt": "", "seed": None, "sampler": "None", "model": "None", "steps": ""}
    unset |= {"hires_fix": "", "more_settings": None, "reproduce": None}
    result = invoke(sim, "sd_txt2img", {"prompt": "a cat", "size": "64x64", **unset})
    assert len(result.files) == 1
    (body,) = (one["body"] for one in generations(sim))
    assert None not in body.values()
    assert 0 <= body["seed"] < 2**31


@every_family
@pytest.mark.parametrize(
    ("wrong", "reported"),
    [
        ({"model": "nope"}, "no model 'nope'"),
        ({"sampler": "nope"}, "no sampler 'nope'"),
        ({"lora": "nope:1"}, "no LoRA 'nope'"),
        ({"prompt": "a <lora:nope:1>"}, "no LoRA 'nope'"),
        ({"steps": 151}, "steps must be at most 150"),
        ({"size": "32x64"}, "size: width must be at least 64"),
        ({"size": "large"}, "size: write width x height, such as 832x1216"),
        ({"more_settings": "{"}, "more_settings: not JSON"),
        ({"more_settings": "Clip skipp: 2"}, "'Clip skipp' is no setting that is known here"),
    ],
)
def test_bad_input_costs_no_gpu_time(
    invoke: Invoke, simulators: Simulators, family: str, wrong: dict[str, Any], reported: str
) -> None:
    sim = simulators(family)
    with pytest.raises(PluginError, match=reported) as caught:
        invoke(sim, "sd_txt2img", {"prompt": "a cat", **wrong})
    assert caught.value.error_type == "InvokeBadRequestError"
    assert generations(sim) == []


@every_family
def test_loras_reach_the_image(invoke: Invoke, simulators: Simulators, family: str) -> None:
    sim = simulators(family)
    listed = invoke(sim, "sd_list_resources", {"kind": "loras"}).variables["names"]
    requested = {"prompt": "a cat", "lora": f"{listed[0]}:0.8", "size": "64", "steps": 2}
    assert invoke(sim, "sd_txt2img", requested).variables["warnings"] == []


@pytest.mark.parametrize("family", ["a1111", "a1111-1.6", "forge", "sdnext", "sdcpp"])
def test_hires_fix_makes_larger_images(invoke: Invoke, simulators: Simulators, family: str) -> None:
    sim = simulators(family)
    requested = {"prompt": "a cat", "size": "128x64", "steps": 2, "hires_fix": "2"}
    result = invoke(sim, "sd_txt2img", requested)
    assert Image.open(io.BytesIO(result.files[0].data)).size == (256, 128)
    assert result.variables["warnings"] == []


@every_family
@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_conversion_keeps_the_parameters(
    invoke: Invoke, simulators: Simulators, family: str, output_format: str
) -> None:
    sim = simulators(family)
    requested = {"prompt": "a żółw", "size": "64", "steps": 2, "seed": 5}
    (file,) = invoke(sim, "sd_txt2img", {**requested, "output_format": output_format}).files
    assert file.mime_type == f"image/{output_format}"
    assert (Image.open(io.BytesIO(file.data)).format or "").lower() == output_format
    assert "a żółw" in (parameters_of(file.data) or "")


@pytest.mark.parametrize("samples_format", ["png", "jpg", "webp"])
def test_the_mime_type_is_told_by_the_bytes(
    invoke: Invoke, sim: Simulator, samples_format: str
) -> None:
    small = {"prompt": "a cat", "size": "64x64", "steps": 1}
    request = {"override_settings": {"samples_format": samples_format}}
    (file,) = invoke(sim, "sd_txt2img", {**small, "more_settings": request}).files
    kind = {"jpg": "jpeg"}.get(samples_format, samples_format)
    assert file.mime_type == f"image/{kind}"
    assert file.filename.endswith(f".{samples_format}")


@pytest.mark.parametrize("family", ["a1111", "forge", "sdnext"])
def test_each_call_gets_its_own_model(
    plugin: PluginHost, invoke: Invoke, simulators: Simulators, family: str
) -> None:
    sim = simulators(family)
    models = names(plugin, credentials(sim), "models")[:2]
    requested = {"prompt": "a cat", "size": "64x64", "steps": 2}
    used = [
        invoke(sim, "sd_txt2img", {**requested, "model": name}).variables["model"]
        for name in models
    ]
    assert used == models
    assert not [
        one
        for one in sim.journal()
        if one["path"] == "/sdapi/v1/options" and one["method"] == "POST"
    ]


def test_nothing_secret_is_asked_of_any_server(invoke: Invoke, simulators: Simulators) -> None:
    """``cmd-flags`` shows the password, so it is never called."""
    sim = simulators("a1111")
    invoke(sim, "sd_list_resources", {})
    invoke(sim, "sd_txt2img", {"prompt": "a cat", "size": "64x64"})
    assert not [one for one in sim.journal() if "cmd-flags" in one["path"]]


@pytest.mark.parametrize("family", ["a1111", "forge"])
def test_a_refiner_that_takes_over_draws_no_warning(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    requested = {"prompt": "a lighthouse", "steps": 2, "size": "64x64", "model": "dreamshaper_8"}
    refiner = "Refiner: xl_sd_xl_base_1.0"
    sim = simulators(family)
    result = invoke(sim, "sd_txt2img", {**requested, "more_settings": refiner})
    assert result.variables["warnings"] == []
    late = f"{refiner}, Refiner switch at: 1"
    result = invoke(sim, "sd_txt2img", {**requested, "more_settings": late})
    assert result.variables["warnings"] == ["The server does not say that the refiner took over."]


@every_family
def test_a_seed_in_the_request_names_the_images(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    requested = {"prompt": "a lighthouse", "steps": 2, "size": "64x64", "image_count": 2}
    result = invoke(simulators(family), "sd_txt2img", {**requested, "more_settings": '{"seed": 5}'})
    assert result.variables["seeds"] == [5, 6]
    assert [file.filename.partition(".")[0] for file in result.files] == ["txt2img-5", "txt2img-6"]
    assert len({file.data for file in result.files}) == 2
    assert result.variables["warnings"] == []


@pytest.mark.parametrize("family", ["sdcpp", "koboldcpp"])
def test_a_lora_in_a_folder_draws_no_warning(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    requested = {"prompt": "a lighthouse", "steps": 2, "size": "64x64"}
    result = invoke(simulators(family), "sd_txt2img", {**requested, "lora": "watercolour"})
    assert result.variables["warnings"] == []
