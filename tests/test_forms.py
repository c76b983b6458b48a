"""The forms that Dify shows say what the parameters are, in four languages, and load in Dify.

Each promise is held against the pydantic models by giving them values, not by reading their fields.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from dify_plugin.core.entities.plugin.setup import PluginConfiguration
from dify_plugin.entities.tool import ToolConfiguration, ToolParameter, ToolProviderConfiguration

from devkit.forms import build
from sdwebui.errors import InvalidInput
from sdwebui.parameters import (
    Caption,
    ControlNet,
    Img2Img,
    ListResources,
    Parameters,
    PngInfo,
    Txt2Img,
    Upscale,
)

ROOT = Path(__file__).parents[1]
LANGUAGES = ("en_US", "zh_Hans", "pt_BR", "ja_JP")

MODELS: dict[str, type[Parameters]] = {
    "txt2img": Txt2Img,
    "img2img": Img2Img,
    "upscale": Upscale,
    "caption": Caption,
    "png_info": PngInfo,
    "list_resources": ListResources,
    "controlnet": ControlNet,
}
LIVE = {
    "model", "sampler", "scheduler", "vae", "hr_upscaler", "refiner", "face_detailer", "upscaler",
    "upscaler_2", "control_model", "control_model_2", "control_module", "control_module_2",
}  # fmt: skip
FOR_AGENTS = {
    "txt2img": {"prompt", "negative_prompt", "aspect_ratio", "image_count", "seed", "reproduce"},
    "img2img": {
        "image", "prompt", "negative_prompt", "denoising_strength", "mask", "image_count", "seed",
        "expand_left", "expand_right", "expand_top", "expand_bottom",
    },
    "upscale": {"images", "scale"},
    "caption": {"image", "method"},
    "png_info": {"image"},
    "list_resources": {"kind", "filter", "limit"},
    "controlnet": {
        "prompt", "negative_prompt", "aspect_ratio", "image_count", "seed", "reproduce",
        "control_image", "control_image_2",
    },
}  # fmt: skip
GENERATION_OUTPUT = {"seeds": "array[number]", "model": "string", "warnings": "array[string]"}
OUTPUTS = {
    "txt2img": GENERATION_OUTPUT,
    "img2img": GENERATION_OUTPUT,
    "controlnet": GENERATION_OUTPUT,
    "upscale": {"warnings": "array[string]"},
    "caption": {"caption": "string", "warnings": "array[string]"},
    "png_info": {
        "prompt": "string",
        "negative_prompt": "string",
        "steps": "number",
        "sampler": "string",
        "seed": "number",
        "width": "number",
        "height": "number",
        "model": "string",
        "loras": "array[string]",
        "parameters": "string",
        "warnings": "array[string]",
    },
    "list_resources": {"names": "array[string]", "total": "number"},
}

UNEXPLAINED = {"prompt", "lora", "extra", "reproduce"}
"""Blank means plainly: none."""


class Picture:
    """A file as a tool would hand it over."""

    name = "picture.png"

    def read(self) -> bytes:
        """Never called: checking parameters downloads nothing."""
        raise AssertionError("downloaded a file")


@cache
def raw(file: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    return content


@cache
def form(tool: str) -> dict[str, ToolParameter]:
    """The tool's fields as the SDK reads them."""
    loaded = ToolConfiguration(**raw(f"tools/{tool}.yaml"))
    return {field.name: field for field in loaded.parameters}


def fields(*types: str) -> list[Any]:
    """``(tool, field)`` of all fields of a type, named for the test report."""
    return [
        pytest.param(tool, field, id=f"{tool}-{name}")
        for tool in MODELS
        for name, field in form(tool).items()
        if not types or field.type.value in types
    ]


def help_of(tool: str, field: ToolParameter) -> dict[str, str]:
    """The field's help by language, as it stands in the YAML."""
    described = {item["name"]: item for item in raw(f"tools/{tool}.yaml")["parameters"]}
    text: dict[str, str] = described[field.name]["human_description"]
    return text


def accepts(tool: str, **given: Any) -> Parameters | None:
    """What the model makes of the values, or None when it refuses them."""
    required: dict[str, Any] = {
        name: Picture() for name, field in MODELS[tool].model_fields.items() if field.is_required()
    }
    try:
        return MODELS[tool].read(required | given)
    except InvalidInput:
        return None


@pytest.mark.parametrize("tool", MODELS)
def test_a_form_has_the_models_parameters_and_no_other(tool: str) -> None:
    names = [field["name"] for field in raw(f"tools/{tool}.yaml")["parameters"]]
    assert len(names) == len(set(names))
    assert set(names) == set(MODELS[tool].model_fields)


@pytest.mark.parametrize(("tool", "field"), fields())
def test_a_field_is_required_exactly_when_the_model_cannot_do_without(
    tool: str, field: ToolParameter
) -> None:
    without: dict[str, Any] = {
        name: Picture()
        for name, other in form(tool).items()
        if other.required and name != field.name
    }
    try:
        MODELS[tool].read(without)
        needed = False
    except InvalidInput as error:
        needed = f"{field.name} is missing" in str(error)
    assert field.required is needed


@pytest.mark.parametrize(("tool", "field"), fields("number"))
def test_a_number_has_the_models_range_and_steps(tool: str, field: ToolParameter) -> None:
    assert field.min is not None
    assert field.max is not None
    step = Decimal(1).scaleb(-(field.precision or 0))
    least, most = Decimal(str(field.min)), Decimal(str(field.max))
    for inside in (least, most):
        assert accepts(tool, **{field.name: str(inside)})
    for outside in (least - step, most + step):
        assert not accepts(tool, **{field.name: str(outside)})
    fraction_fits = accepts(tool, **{field.name: str(least + Decimal("0.25"))}) is not None
    assert field.precision == (2 if fraction_fits else 0)


@pytest.mark.parametrize(("tool", "field"), fields("select"))
def test_a_dropdown_offers_all_that_the_model_takes(tool: str, field: ToolParameter) -> None:
    assert field.options
    values = [option.value for option in field.options]
    for value in values:
        assert accepts(tool, **{field.name: value})
    with pytest.raises(InvalidInput) as refused:
        MODELS[tool].read({field.name: "something else"})
    named = re.search(rf"{field.name} must be one of (.+?) \(got", str(refused.value))
    assert named
    assert re.findall(r"'([^']+)'", named[1]) == values
    assert field.default in values


@pytest.mark.parametrize(("tool", "field"), fields("boolean"))
def test_a_switch_takes_true_and_false_and_nothing_else(tool: str, field: ToolParameter) -> None:
    for value in (True, False):
        model = accepts(tool, **{field.name: value})
        assert getattr(model, field.name) is value
    assert not accepts(tool, **{field.name: "perhaps"})


@pytest.mark.parametrize(("tool", "field"), fields("string", "dynamic-select"))
def test_a_text_field_takes_text(tool: str, field: ToolParameter) -> None:
    text = '{"eta": 0.5}' if field.name == "extra" else "some text"
    model = accepts(tool, **{field.name: text})
    assert model is not None
    assert getattr(model, field.name)
    assert field.options is None


@pytest.mark.parametrize(("tool", "field"), fields("file", "files"))
def test_a_file_field_takes_files(tool: str, field: ToolParameter) -> None:
    assert accepts(tool, **{field.name: Picture()})
    several = accepts(tool, **{field.name: [Picture(), Picture()]})
    assert (several is not None) == (field.type.value == "files")
    assert not accepts(tool, **{field.name: "a text"})


@pytest.mark.parametrize(("tool", "field"), fields())
def test_a_field_starts_with_the_models_default(tool: str, field: ToolParameter) -> None:
    if field.required:
        assert field.default is None
        return
    untouched = getattr(accepts(tool), field.name)
    # None, "", () and {} are what an empty field means.
    shown = None if untouched in (None, "", (), {}) else untouched
    assert (type(field.default), field.default) == (type(shown), shown)


@pytest.mark.parametrize("tool", MODELS)
def test_lists_of_the_server_are_dropdowns_that_the_builder_sets(tool: str) -> None:
    # Dify makes an invalid JSON schema for agents of a dynamic-select with form: llm.
    live = {name: f for name, f in form(tool).items() if f.type.value == "dynamic-select"}
    assert set(live) == LIVE & set(MODELS[tool].model_fields)
    for field in live.values():
        assert field.form.value == "form"
        assert field.default is None
        assert not field.multiple


@pytest.mark.parametrize("tool", MODELS)
def test_an_agents_model_fills_what_it_can_know(tool: str) -> None:
    by_agent = {name for name, field in form(tool).items() if field.form.value == "llm"}
    assert by_agent == FOR_AGENTS[tool]
    for name, field in form(tool).items():
        assert bool(field.llm_description) == (name in by_agent)


def _texts(node: Any, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """All texts of a file that come in languages, with their place."""
    if isinstance(node, dict):
        if "en_US" in node:
            yield path, node
            return
        for key, value in node.items():
            yield from _texts(value, f"{path}.{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            key = value.get("name", number) if isinstance(value, dict) else number
            yield from _texts(value, f"{path}.{key}")


FILES = ["manifest.yaml", "provider/stable_diffusion.yaml", *(f"tools/{t}.yaml" for t in MODELS)]


@pytest.mark.parametrize("file", FILES)
def test_texts_come_in_all_languages(file: str) -> None:
    found = dict(_texts(raw(file), file))
    assert found
    for place, text in found.items():
        assert tuple(text) == LANGUAGES, place
        for language, words in text.items():
            assert words == words.strip() != "", f"{place} {language}"
            # The plugin daemon refuses texts of 1,024 characters and more.
            assert len(words) < 1024, f"{place} {language}"


@pytest.mark.parametrize("file", FILES)
def test_sentences_are_translated(file: str) -> None:
    sentences = {
        place: text
        for place, text in _texts(raw(file), file)
        if place.endswith(("description", "help", "human"))
    }
    assert sentences
    for place, text in sentences.items():
        assert len(set(text.values())) == len(LANGUAGES), place
        assert re.search(r"[\u4e00-\u9fff]", text["zh_Hans"]), place
        assert not re.search(r"[\u3040-\u30ff]", text["zh_Hans"]), place
        assert re.search(r"[\u3040-\u30ff]", text["ja_JP"]), place
        assert not re.search(r"[\u3040-\u9fff]", text["en_US"] + text["pt_BR"]), place


@pytest.mark.parametrize("file", FILES)
def test_full_width_text_is_not_broken_by_blanks_of_the_yaml(file: str) -> None:
    # A line break inside a folded text turns into a blank, wrong between two CJK characters.
    for place, text in _texts(raw(file), file):
        for language in ("zh_Hans", "ja_JP"):
            assert not re.search(r"[\u3040-\u9fff，。、]\s+[\u3040-\u9fff]", text[language]), place


@pytest.mark.parametrize(("tool", "field"), fields("number"))
def test_help_of_a_number_says_its_range_in_every_language(tool: str, field: ToolParameter) -> None:
    least, most = f"{field.min:.0f}", f"{field.max:.0f}"
    # -1 stands for random, so it is said apart from the range.
    said = [r"-1\D", f"0[–～]{most}"] if least == "-1" else [f"{least}[–～]{most}"]
    for language, text in help_of(tool, field).items():
        for part in said:
            assert re.search(rf"(?<![\d.]){part}(?![\d.]*\d)", text), language


@pytest.mark.parametrize(("tool", "field"), fields())
def test_what_stays_blank_is_explained(tool: str, field: ToolParameter) -> None:
    """An optional field without a default says what happens when it is left blank."""
    if field.required or field.default is not None or field.name in UNEXPLAINED:
        return
    blank = {"en_US": r"[Bb]lank", "zh_Hans": "留空", "pt_BR": "[Ee]m branco", "ja_JP": "空欄"}
    for language, words in blank.items():
        assert re.search(words, help_of(tool, field)[language]), language


@pytest.mark.parametrize("tool", MODELS)
def test_variables_are_declared_with_type_and_description(tool: str) -> None:
    schema = raw(f"tools/{tool}.yaml")["output_schema"]
    assert schema["type"] == "object"
    types = {}
    for name, variable in schema["properties"].items():
        kind = variable["type"]
        types[name] = f"array[{variable['items']['type']}]" if kind == "array" else kind
        assert variable["description"]
    assert types == OUTPUTS[tool]
    # Dify fills these itself.
    assert not types.keys() & {"text", "files", "json"}


@pytest.mark.parametrize("tool", MODELS)
def test_a_tool_is_named_as_its_files_and_tells_agents_when_to_call_it(tool: str) -> None:
    loaded = ToolConfiguration(**raw(f"tools/{tool}.yaml"))
    assert loaded.identity.name == tool
    assert loaded.extra.python.source == f"tools/{tool}.py"
    assert "Call it when" in loaded.description.llm


def test_the_provider_loads_and_lists_every_tool_that_has_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)  # the SDK opens the tools' files from the plugin's folder
    provider = ToolProviderConfiguration(**yaml.safe_load((ROOT / FILES[1]).read_text("utf-8")))
    # Dify starts no plugin that lists a tool without code.
    with_code = [tool for tool in MODELS if (ROOT / f"tools/{tool}.py").exists()]
    assert [tool.identity.name for tool in provider.tools] == with_code
    assert provider.identity.name == "stable_diffusion"
    assert provider.extra.python.source == "provider/stable_diffusion.py"
    assert {tag.value for tag in provider.identity.tags} == {"image", "design"}
    kinds = {c.name: (c.type.value, c.required, c.default) for c in provider.credentials_schema}
    assert kinds == {
        "base_url": ("text-input", True, None),
        "model": ("text-input", False, None),
        "api_auth": ("secret-input", False, None),
        "headers": ("secret-input", False, None),
        "tls_verify": ("boolean", False, True),
        "ca_certificate": ("text-input", False, None),
        "timeout": ("text-input", False, "540"),
    }
    assert all(credential.help for credential in provider.credentials_schema)


def test_the_manifest_loads_and_is_fit_for_the_marketplace() -> None:
    content = raw("manifest.yaml")
    manifest = PluginConfiguration(**content)
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest.version)
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest.meta.version)
    assert manifest.name == "stable_diffusion_webui"
    assert manifest.author
    assert re.fullmatch(r"[a-z0-9_-]{1,64}", manifest.author)
    assert not re.search("dify|langgenius", manifest.author)
    assert manifest.plugins.tools == ["provider/stable_diffusion.yaml"]
    assert manifest.resource.memory == 256 * 2**20
    assert (manifest.meta.runner.version, manifest.meta.runner.entrypoint) == ("3.12", "main")
    assert {arch.value for arch in manifest.meta.arch} == {"amd64", "arm64"}
    assert content["tags"] == ["image", "design"]
    assert content["privacy"] == "PRIVACY.md"
    assert content["verified"] is False


def test_the_plugin_asks_for_no_permission() -> None:
    """It calls no models, tools or apps of Dify and stores nothing there."""
    assert PluginConfiguration(**raw("manifest.yaml")).resource.permission is None


def test_the_author_is_the_same_everywhere() -> None:
    authors = {file: raw(file)["identity"]["author"] for file in FILES[1:]}
    assert set(authors.values()) == {raw("manifest.yaml")["author"]}, authors


def test_the_manifest_and_the_project_have_one_version() -> None:
    project = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert project
    assert raw("manifest.yaml")["version"] == project[1]


def test_the_forms_are_up_to_date() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "devkit.forms", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_every_text_is_used() -> None:
    folder = ROOT / "devkit/forms"
    files = sorted((folder / "parameters").glob("*.yaml"))
    described = [name for file in files for name in raw(str(file.relative_to(ROOT)))]
    assert sorted(described) == sorted({name for tool in MODELS for name in form(tool)})
    declared = {
        name for tool in MODELS for name in raw(f"tools/{tool}.yaml")["output_schema"]["properties"]
    }
    assert set(raw("devkit/forms/outputs.yaml")) == declared


@pytest.mark.parametrize("tool", MODELS)
def test_a_form_is_written_tidily(tool: str) -> None:
    text = build.render(build.form(tool))
    assert yaml.safe_load(text) == build.form(tool)
    assert text.startswith("# Made by `make forms`")
    assert "\\u" not in text
    assert "&id" not in text
