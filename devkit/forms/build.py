"""Builds the YAML of a tool from its texts and its parameters."""

from pathlib import Path
from typing import Any

import yaml

from devkit.forms import texts
from devkit.forms.fields import describe
from sdwebui import parameters

ROOT = Path(__file__).parents[2]

MODELS: dict[str, type[parameters.Parameters]] = {
    "sd_txt2img": parameters.Txt2Img,
    "sd_img2img": parameters.Img2Img,
    "sd_inpaint": parameters.Inpaint,
    "sd_outpaint": parameters.Outpaint,
    "sd_controlnet": parameters.ControlNet,
    "sd_upscale": parameters.Upscale,
    "sd_caption": parameters.Caption,
    "sd_png_info": parameters.PngInfo,
    "sd_list_resources": parameters.ListResources,
}
"""Each tool's parameters, in the order in which Dify lists the tools."""

_ORIGIN = "# Made by `make forms` from devkit/forms and sdwebui/parameters.py; change it there.\n"
_LONGEST_PLAIN = 88
"""Texts above this many characters are folded onto lines of their own."""


def form(tool: str) -> dict[str, Any]:
    """The content of ``tools/<tool>.yaml``.

    Raises:
        ValueError: The texts name parameters that the model has not, or other options.
    """
    words = texts.tool(tool)
    model = MODELS[tool]
    fields = model.model_fields
    if odd := sorted(words.overrides.keys() - {*model.LLM, *model.SETTINGS}):
        raise ValueError(f"{tool}: texts for unknown parameters: {', '.join(odd)}")
    return {
        "identity": {"name": tool, "author": author(), "label": words.label.model_dump()},
        "description": {"human": words.description.model_dump(), "llm": words.llm},
        "parameters": [
            _parameter(
                name, describe(fields[name]), words.overrides.get(name, {}), llm=name in model.LLM
            )
            for name in (*model.LLM, *model.SETTINGS)
        ],
        "output_schema": {
            "type": "object",
            "properties": {name: texts.output(name) for name in words.outputs},
        },
        "extra": {"python": {"source": f"tools/{tool}.py"}},
    }


def author() -> str:
    """The plugin's author, who stands in the manifest."""
    name: str = yaml.safe_load((ROOT / "manifest.yaml").read_text(encoding="utf-8"))["author"]
    return name


def _parameter(
    name: str, shown: dict[str, Any], override: dict[str, Any], *, llm: bool
) -> dict[str, Any]:
    """One field of a form."""
    words = texts.parameter(name, override)
    values = shown.pop("options", [])
    if values != list(words.options):
        raise ValueError(f"{name}: the texts' options are {list(words.options)}, not {values}")
    if llm and not words.llm:
        raise ValueError(f"{name}: nothing tells an agent's model what to fill in")
    field = {
        "name": name,
        "type": shown.pop("type"),
        "required": shown.pop("required"),
        "form": "llm" if llm else "form",
        "label": words.label.model_dump(),
        "human_description": words.help.model_dump(),
    }
    if llm:
        field["llm_description"] = words.llm
    field |= shown
    if values:
        field["options"] = [
            {"value": value, "label": words.options[value].model_dump()} for value in values
        ]
    return field


def render(content: dict[str, Any]) -> str:
    """YAML text of a form, with a line that says where it comes from."""
    return _ORIGIN + yaml.dump(
        content, Dumper=_TidyDumper, allow_unicode=True, sort_keys=False, width=100
    )


class _TidyDumper(yaml.SafeDumper):
    """Indents lists and folds long texts."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = ">" if len(text) > _LONGEST_PLAIN else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_TidyDumper.add_representer(str, _represent_text)
