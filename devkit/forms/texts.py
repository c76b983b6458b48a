"""Reads the texts of the forms and checks that none is missing in any language."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

HERE = Path(__file__).parent


class _Text(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Text):
    """One text in the four languages of the plugin."""

    en_US: str  # noqa: N815 - Dify's name of the language
    zh_Hans: str  # noqa: N815
    pt_BR: str  # noqa: N815
    ja_JP: str  # noqa: N815


class ParameterText(_Text):
    """What a parameter's field says.

    Attributes:
        label: Name of the field.
        help: Range, unit, when to use it and what blank means.
        llm: For an agent's model, in English, where the model may fill the parameter.
        options: Label of each option of a fixed dropdown, by value.
    """

    label: Words
    help: Words
    llm: str | None = None
    options: dict[str, Words] = {}


class ToolText(_Text):
    """What a tool's form says.

    Attributes:
        label: Name of the tool.
        description: For people.
        llm: For an agent's model, in English: when to call the tool and how.
        outputs: Names of the variables, from ``outputs.yaml``.
        overrides: Parts of a parameter's text that differ in this tool.
    """

    label: Words
    description: Words
    llm: str
    outputs: list[str]
    overrides: dict[str, dict[str, Any]] = {}


def tool(name: str) -> ToolText:
    """Return the texts of the tool ``name``."""
    return ToolText.model_validate(_read(HERE / "tools" / f"{name}.yaml"))


def parameter(name: str, override: Mapping[str, Any]) -> ParameterText:
    """Return the texts of a parameter, with the parts that differ in the tool at hand.

    Raises:
        ValueError: A text is missing; the message names the parameter and the text.
    """
    try:
        return ParameterText.model_validate({**_parameters().get(name, {}), **override})
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ValueError(f"{name} in devkit/forms/parameters/*.yaml: {', '.join(wrong)}") from None


def output(name: str) -> dict[str, Any]:
    """Return the JSON schema of the variable ``name``."""
    schema: dict[str, Any] = _read(HERE / "outputs.yaml")[name]
    return schema


@cache
def _parameters() -> dict[str, dict[str, Any]]:
    """Return all parameters' texts by name, from all files."""
    files = sorted((HERE / "parameters").glob("*.yaml"))
    return {name: text for file in files for name, text in _read(file).items()}


@cache
def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
