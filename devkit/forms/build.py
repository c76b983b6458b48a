"""Builds the YAML of a tool from its texts and its parameters."""

from pathlib import Path
from typing import Any

import yaml

from devkit.forms import fields, texts
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
    """Return the content of ``tools/<tool>.yaml``.

    Raises:
        ValueError: A text is missing, or is for a parameter or option that the model has not.
    """
    words, model = texts.tool(tool), MODELS[tool]
    names = (*model.LLM, *model.SETTINGS)
    if odd := sorted(words.overrides.keys() - set(names)):
        raise ValueError(f"{tool}: texts for unknown parameters: {', '.join(odd)}")
    manifest = yaml.safe_load((ROOT / "manifest.yaml").read_text(encoding="utf-8"))
    return {
        "identity": {"name": tool, "author": manifest["author"], "label": words.label.model_dump()},
        "description": {"human": words.description.model_dump(), "llm": words.llm},
        "parameters": [_parameter(model, name, words.overrides.get(name, {})) for name in names],
        "output_schema": {
            "type": "object",
            "properties": {name: texts.output(name) for name in words.outputs},
        },
        "extra": {"python": {"source": f"tools/{tool}.py"}},
    }


def _parameter(
    model: type[parameters.Parameters], name: str, override: dict[str, Any]
) -> dict[str, Any]:
    """Return one field of a form."""
    field, words = model.model_fields[name], texts.parameter(name, override)
    values = fields.options(field)
    if values != list(words.options):
        raise ValueError(f"{name}: the texts' options are {list(words.options)}, not {values}")
    by_agent = name in model.LLM
    if by_agent and not words.llm:
        raise ValueError(f"{name}: a model fills it in, so its texts need one for models, llm")
    shown: dict[str, Any] = {
        "name": name,
        "type": fields.form_type(field),
        # A required file fails an Agent node and drops the tool from classic agents.
        "required": False,
        "form": "llm" if by_agent else "form",
        "label": words.label.model_dump(),
        "human_description": words.help.model_dump(),
    }
    if by_agent:
        shown["llm_description"] = words.llm
    shown |= fields.limits(field)
    if values:
        shown["options"] = [
            {"value": value, "label": label.model_dump()} for value, label in words.options.items()
        ]
    return shown


def render(content: dict[str, Any]) -> str:
    """Return the YAML text of a form, with a line that says where it comes from."""
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
