"""The forms that Dify shows say what the parameters are, in four languages, and fit its canvas.

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

from devkit.forms import build, texts
from sdwebui.errors import InvalidInput
from sdwebui.parameters import (
    Caption,
    ControlNet,
    Img2Img,
    Inpaint,
    ListResources,
    Outpaint,
    Parameters,
    PngInfo,
    Txt2Img,
    Upscale,
)

ROOT = Path(__file__).parents[1]
LANGUAGES = ("en_US", "zh_Hans", "pt_BR", "ja_JP")

MODELS: dict[str, type[Parameters]] = {
    "sd_txt2img": Txt2Img,
    "sd_img2img": Img2Img,
    "sd_inpaint": Inpaint,
    "sd_outpaint": Outpaint,
    "sd_controlnet": ControlNet,
    "sd_upscale": Upscale,
    "sd_caption": Caption,
    "sd_png_info": PngInfo,
    "sd_list_resources": ListResources,
}
FOR_AGENTS = {
    "sd_txt2img": (
        "prompt", "negative_prompt", "aspect_ratio", "image_count", "seed", "model", "reproduce",
    ),
    "sd_img2img": (
        "image", "prompt", "negative_prompt", "denoising_strength", "image_count", "seed", "model",
        "image_id",
    ),
    "sd_inpaint": (
        "image", "mask", "mask_area", "prompt", "negative_prompt", "denoising_strength",
        "image_count", "seed", "model", "image_id",
    ),
    "sd_outpaint": (
        "image", "prompt", "negative_prompt", "expand_left", "expand_right", "expand_top",
        "expand_bottom", "image_count", "seed", "model", "image_id",
    ),
    "sd_controlnet": (
        "control_image", "prompt", "negative_prompt", "aspect_ratio", "image_count", "seed",
        "model", "control_image_2", "image_id",
    ),
    "sd_upscale": ("images", "scale", "image_id"),
    "sd_caption": ("image", "image_id"),
    "sd_png_info": ("image", "image_id"),
    "sd_list_resources": ("kind", "filter"),
}  # fmt: skip
"""What an agent's model fills in; such a parameter takes no row on the canvas."""

SETTINGS = {
    "sd_txt2img": (
        "lora", "size", "sampler", "steps", "cfg_scale", "hires_fix", "face_detailer", "vae",
        "clip_skip", "model_family", "output_format", "more_settings",
    ),
    "sd_img2img": (
        "lora", "size", "resize_mode", "sampler", "steps", "cfg_scale", "face_detailer", "vae",
        "clip_skip", "model_family", "output_format", "more_settings",
    ),
    "sd_inpaint": (
        "masked_content", "inpaint_area", "mask_blur", "mask_mode", "lora", "size", "sampler",
        "steps", "cfg_scale", "vae", "output_format", "more_settings",
    ),
    "sd_outpaint": (
        "denoising_strength", "masked_content", "mask_blur", "lora", "sampler", "steps",
        "cfg_scale", "vae", "output_format", "more_settings",
    ),
    "sd_controlnet": (
        "control_module", "control_model", "control_weight", "control_end", "control_mode", "lora",
        "size", "sampler", "steps", "cfg_scale", "output_format", "more_settings",
    ),
    "sd_upscale": (
        "upscaler", "size", "upscaler_2", "upscaler_2_visibility", "gfpgan_visibility",
        "codeformer_visibility", "codeformer_weight", "output_format",
    ),
    "sd_caption": ("method",),
    "sd_png_info": (),
    "sd_list_resources": (),
}  # fmt: skip
"""What who builds an app sets, in the order of the rows on the canvas."""

MOST_SETTINGS = 12
"""Rows of a node, blank or not, beside its title."""

MOST_DESCRIPTION = 90
"""Characters that Dify's cards show of a description."""

MOST_LABEL = 21
"""Characters that a node's title shows of a tool's label, about."""

GENERATION_OUTPUT = {"seeds": "array[number]", "model": "string", "warnings": "array[string]"}
OUTPUTS = {
    "sd_txt2img": GENERATION_OUTPUT,
    "sd_img2img": GENERATION_OUTPUT,
    "sd_inpaint": GENERATION_OUTPUT,
    "sd_outpaint": GENERATION_OUTPUT,
    "sd_controlnet": GENERATION_OUTPUT,
    "sd_upscale": {"warnings": "array[string]"},
    "sd_caption": {"caption": "string", "warnings": "array[string]"},
    "sd_png_info": {
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
    "sd_list_resources": {"names": "array[string]", "total": "number"},
}

UNEXPLAINED = {
    "prompt", "negative_prompt", "reproduce", "image", "control_image", "control_image_2",
    "images", "lora", "more_settings",
    "mask_area",
}  # fmt: skip
"""Blank means plainly: none."""

TEXTS = {"size": "512x768", "hires_fix": "1.5", "mask_area": "0, 0, 100, 40"}
"""What a text field takes, where that is not any text."""


class Held:
    """A file as a tool would hand it over."""

    name = "image.png"

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


def described(tool: str) -> dict[str, dict[str, Any]]:
    """The tool's fields as they stand in the YAML, in order."""
    return {field["name"]: field for field in raw(f"tools/{tool}.yaml")["parameters"]}


def fields(*types: str) -> list[Any]:
    """``(tool, field)`` of all fields of a type, named for the test report."""
    return [
        pytest.param(tool, field, id=f"{tool}-{name}")
        for tool in MODELS
        for name, field in form(tool).items()
        if not types or field.type.value in types
    ]


def accepts(tool: str, **given: Any) -> Parameters | None:
    """What the model makes of the values, or None when it refuses them."""
    model = MODELS[tool]
    needed = {model.IMAGE: Held()} if model.IMAGE else {}
    try:
        return model.read(needed | given)
    except InvalidInput:
        return None


@pytest.mark.parametrize("tool", MODELS)
def test_a_form_has_what_agents_fill_and_what_builders_set(tool: str) -> None:
    by_form: dict[str, list[str]] = {"llm": [], "form": []}
    for name, field in described(tool).items():
        by_form[field["form"]].append(name)
    assert tuple(by_form["llm"]) == FOR_AGENTS[tool]
    assert tuple(by_form["form"]) == SETTINGS[tool]
    assert len(by_form["form"]) <= MOST_SETTINGS


@pytest.mark.parametrize("tool", MODELS)
def test_a_form_has_parameters_of_the_model_each_once(tool: str) -> None:
    names = [field["name"] for field in raw(f"tools/{tool}.yaml")["parameters"]]
    assert len(names) == len(set(names))
    assert set(names) <= set(MODELS[tool].model_fields)
    assert MODELS[tool] is build.MODELS[tool]


def test_there_are_no_other_tools() -> None:
    assert {path.stem for path in (ROOT / "tools").glob("*.yaml")} == set(MODELS)
    assert {path.stem for path in (ROOT / "tools").glob("*.py")} == set(MODELS)
    assert list(build.MODELS) == list(MODELS)


@pytest.mark.parametrize("tool", MODELS)
def test_a_form_has_only_what_dify_shows_everywhere(tool: str) -> None:
    """No dynamic-select: its list stays empty in nodes, and agents' dialogs leave it out.

    And no required parameter: a required file drops the tool from classic agents and fails an
    Agent node, a required prompt blocks pasted generation data.
    """
    shown = {"string", "number", "select", "file", "files"}
    for name, field in described(tool).items():
        assert field["type"] in shown, name
        assert field["required"] is False, name
    assert "dynamic" not in (ROOT / f"tools/{tool}.yaml").read_text("utf-8")


@pytest.mark.parametrize("tool", MODELS)
def test_what_agents_fill_in_is_explained_to_them(tool: str) -> None:
    explained = [
        name for name, field in form(tool).items() if (field.llm_description or "").strip()
    ]
    assert tuple(explained) == FOR_AGENTS[tool]


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
    assert len(values) <= 12


@pytest.mark.parametrize(("tool", "field"), fields("string"))
def test_a_text_field_takes_text(tool: str, field: ToolParameter) -> None:
    model = accepts(tool, **{field.name: TEXTS.get(field.name, "some text")})
    assert model is not None
    assert getattr(model, field.name)
    assert field.options is None


@pytest.mark.parametrize(("tool", "field"), fields("file", "files"))
def test_a_file_field_takes_files(tool: str, field: ToolParameter) -> None:
    assert accepts(tool, **{field.name: Held()})
    several = accepts(tool, **{field.name: [Held(), Held()]})
    assert (several is not None) == (field.type.value == "files")
    assert not accepts(tool, **{field.name: "a text"})


@pytest.mark.parametrize(("tool", "field"), fields())
def test_a_field_starts_with_the_models_default(tool: str, field: ToolParameter) -> None:
    untouched = (
        None if field.type.value in {"file", "files"} else getattr(accepts(tool), field.name)
    )
    # None, "" and () are what an empty field means.
    shown = None if untouched in (None, "", ()) else untouched
    assert (type(field.default), field.default) == (type(shown), shown)


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


def _strings(node: Any) -> Iterator[str]:
    """All texts of a file, those for agents' models included."""
    if isinstance(node, dict):
        for value in node.values():
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)
    elif isinstance(node, str):
        yield node


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


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en_US", ("Crop and resize", "Resize and fill", "Just resize (latent upscale)",
                   "Sampling steps", "CFG scale", "Clip skip", "Hires fix", "Only masked",
                   "latent noise", "Control weight", "PNG info", "ADetailer")),
        ("zh_Hans", ("反推提示词（图片描述）", "PNG 图片信息（读取生成参数）", "ControlNet 生图",
                     "引导终止时机", "扩图（outpaint）", "仅调整大小（潜空间放大）")),
        ("ja_JP", ("インペイント", "アウトペイント", "トリミングしてリサイズ",
                   "リサイズして余白を埋める", "コントロール画像", "コントロールウェイト",
                   "PNG（可逆圧縮）", "潜在空間（空）")),
        ("pt_BR", ("Semente (seed)", "Latente vazio", "ex.:", "Descreve a imagem em palavras")),
    ],
)  # fmt: skip
def test_the_words_are_those_that_the_people_of_a_webui_know(
    language: str, words: tuple[str, ...]
) -> None:
    whole = "\n".join(
        text[language] for file in FILES for _, text in _texts(raw(file), file)
    ).casefold()
    assert [word for word in words if word.casefold() not in whole] == []


@pytest.mark.parametrize("file", FILES)
def test_full_width_text_is_not_broken_by_blanks_of_the_yaml(file: str) -> None:
    # A line break inside a folded text turns into a blank, wrong between two CJK characters.
    texts = dict(_texts(raw(file), file))
    assert texts
    for place, text in texts.items():
        for language in ("zh_Hans", "ja_JP"):
            assert not re.search(r"[\u3040-\u9fff，。、]\s+[\u3040-\u9fff]", text[language]), place


@pytest.mark.parametrize("file", FILES)
def test_texts_say_image_and_hold_no_markdown(file: str) -> None:
    """Dify shows backticks as they are; people search for "image"."""
    strings = list(_strings(raw(file)))
    assert strings
    for text in strings:
        assert "`" not in text
        assert "picture" not in text.lower()


@pytest.mark.parametrize("file", FILES)
def test_descriptions_fit_dify_s_cards(file: str) -> None:
    content = raw(file)
    whole = content.get("description") or content["identity"]["description"]
    texts = whole.get("human", whole)
    assert tuple(texts) == LANGUAGES
    for language, text in texts.items():
        assert len(text) <= MOST_DESCRIPTION, language


@pytest.mark.parametrize("tool", MODELS)
def test_a_title_is_not_cut(tool: str) -> None:
    labels = raw(f"tools/{tool}.yaml")["identity"]["label"]
    assert len(labels["en_US"]) <= MOST_LABEL
    assert len(set(labels.values())) > 1


def test_people_find_the_tools_by_the_words_they_search_for() -> None:
    """Dify's search looks at names and labels only."""
    of_images = [tool for tool in MODELS if "image" in _label(tool)]
    assert {"sd_txt2img", "sd_img2img", "sd_controlnet", "sd_upscale"} <= set(of_images)
    assert all(tool.startswith("sd_") for tool in MODELS)
    for file in FILES[:2]:
        label = (raw(file).get("label") or raw(file)["identity"]["label"])["en_US"]
        assert "Stable Diffusion WebUI" in label
        assert "A1111" in label
        assert "Forge" in label
    assert len({_label(tool) for tool in MODELS}) == len(MODELS)


def _label(tool: str) -> str:
    return str(raw(f"tools/{tool}.yaml")["identity"]["label"]["en_US"]).lower()


def _ranges() -> list[Any]:
    return [
        pytest.param(tool, field, id=f"{tool}-{field.name}")
        for tool in MODELS
        for field in form(tool).values()
        if field.type.value == "number"
    ]


@pytest.mark.parametrize(("tool", "field"), _ranges())
def test_label_or_help_of_a_number_says_its_range_in_every_language(
    tool: str, field: ToolParameter
) -> None:
    text = described(tool)[field.name]
    least, most = str(text["min"]), str(text["max"])
    # -1 stands for random, so it is said apart from the range.
    reported = [r"-1\D", f"0[–～]{most}"] if least == "-1" else [f"{least}[–～]{most}"]
    for language in LANGUAGES:
        shown = f"{text['label'][language]} {text['human_description'][language]}"
        unsaid = [one for one in reported if not re.search(rf"(?<![\d.]){one}(?![\d.]*\d)", shown)]
        assert unsaid == [], language


def _blank_ones() -> list[Any]:
    return [
        pytest.param(tool, field, id=f"{tool}-{field.name}")
        for tool in MODELS
        for field in form(tool).values()
        if field.default is None and field.name not in UNEXPLAINED
    ]


@pytest.mark.parametrize(("tool", "field"), _blank_ones())
def test_what_stays_blank_is_explained(tool: str, field: ToolParameter) -> None:
    """A field without a default says what happens when it is left blank."""
    blank = {"en_US": r"[Bb]lank", "zh_Hans": "留空", "pt_BR": "[Ee]m branco", "ja_JP": "空欄"}
    help_text = described(tool)[field.name]["human_description"]
    for language in LANGUAGES:
        assert re.search(blank[language], help_text[language]), language


@pytest.mark.parametrize("tool", MODELS)
def test_an_agent_reads_of_tools_and_parameters_that_exist(tool: str) -> None:
    content = raw(f"tools/{tool}.yaml")
    parameters = [one.get("llm_description", "") for one in content["parameters"]]
    known = {*MODELS, *(name for one in MODELS for name in FOR_AGENTS[one])}
    of_dify = {"transfer_method", "tool_file"}
    text = "\n".join([content["description"]["llm"], *parameters])
    assert set(re.findall(r"\b[a-z]+_[a-z0-9_]+\b", text)) <= known | of_dify
    # A tool without its prefix is none.
    assert not re.search(r"(?<!sd_)\b(txt2img|img2img|png_info|list_resources)\b", text)


@pytest.mark.parametrize("tool", [tool for tool in MODELS if MODELS[tool].IMAGE])
def test_an_agent_reads_how_it_hands_over_an_earlier_image(tool: str) -> None:
    texts = described(tool)
    assert "reference" in texts[MODELS[tool].IMAGE]["llm_description"]
    assert "last" in texts["image_id"]["llm_description"]
    assert "Not for agents" not in "".join(_strings(raw(f"tools/{tool}.yaml")))


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
    assert re.search(r"Call it (when|before|whenever)", loaded.description.llm)


def test_the_provider_loads_and_lists_every_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # the SDK opens the tools' files from the plugin's folder
    provider = ToolProviderConfiguration(**yaml.safe_load((ROOT / FILES[1]).read_text("utf-8")))
    # Dify starts no plugin that lists a tool without code.
    assert [tool.identity.name for tool in provider.tools] == list(MODELS)
    assert provider.identity.name == "stable_diffusion"
    assert provider.extra.python.source == "provider/stable_diffusion.py"
    assert {tag.value for tag in provider.identity.tags} == {"image", "design"}


def test_the_credentials_say_what_they_are_where_dify_shows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dify shows labels and placeholders, and a help only as a link: where there is a url."""
    monkeypatch.chdir(ROOT)
    schema = ToolProviderConfiguration(
        **yaml.safe_load((ROOT / FILES[1]).read_text("utf-8"))
    ).credentials_schema
    kinds = {c.name: (c.type.value, c.required, c.default) for c in schema}
    assert list(kinds.items()) == [
        ("base_url", ("text-input", True, None)),
        ("model", ("text-input", False, None)),
        ("prompt_prefix", ("text-input", False, None)),
        ("negative_prompt", ("text-input", False, None)),
        ("api_auth", ("secret-input", False, None)),
        ("timeout", ("text-input", False, "540")),
        ("headers", ("secret-input", False, None)),
        ("tls_verify", ("boolean", False, True)),
        ("ca_certificate", ("text-input", False, None)),
    ]
    for credential in schema:
        assert bool(credential.help) == bool(credential.url), credential.name
        assert credential.placeholder or credential.type.value == "boolean", credential.name
    shown = raw(FILES[1])["credentials_for_provider"]["base_url"]["placeholder"]
    assert "not localhost" in shown["en_US"]
    for language in LANGUAGES:
        assert "http://192.168." in shown[language]
        assert "localhost" in shown[language]


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


@pytest.mark.process
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
    written = [name for file in files for name in raw(str(file.relative_to(ROOT)))]
    assert sorted(written) == sorted({name for tool in MODELS for name in form(tool)})
    declared = {
        name for tool in MODELS for name in raw(f"tools/{tool}.yaml")["output_schema"]["properties"]
    }
    assert set(raw("devkit/forms/outputs.yaml")) == declared


def test_a_missing_text_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^moods in .*: label: Field required, help: Field req"):
        texts.parameter("moods", {})
    monkeypatch.setattr(Caption, "LLM", (*Caption.LLM, "method"))
    with pytest.raises(ValueError, match=r"^method: a model fills it in, so its texts need one"):
        build.form("sd_caption")
    words = dict.fromkeys(LANGUAGES, "x")
    assert texts.parameter("moods", {"label": words, "help": words}).label.ja_JP == "x"
    with pytest.raises(ValueError, match=r"^moods in .*: help\.ja_JP: Field required$"):
        texts.parameter("moods", {"label": words, "help": dict.fromkeys(LANGUAGES[:3], "x")})


@pytest.mark.parametrize("tool", MODELS)
def test_a_form_is_written_tidily(tool: str) -> None:
    text = build.render(build.form(tool))
    assert yaml.safe_load(text) == build.form(tool)
    assert text.startswith("# Made by `make forms`")
    assert "\\u" not in text
    assert "&id" not in text
