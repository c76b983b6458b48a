"""Plans and request bodies for small imaginary servers, for the unit tests of planning."""

from typing import Any

from sdwebui.client import WebUI
from sdwebui.dialects.plan import Plan
from sdwebui.parameters import Txt2Img
from sdwebui.planning.planner import NO_DEFAULTS, Defaults
from tests.webui import URL, webui

LARGE = {"/sdapi/v1/options": {"sd_model_checkpoint": "xl/sd_xl_base_1.0.safetensors [1]"}}
"""The options of a server with an SDXL checkpoint loaded."""


def planned(
    family: str,
    changes: dict[str, Any] | None = None,
    defaults: Defaults = NO_DEFAULTS,
    **requested: Any,
) -> tuple[Plan, dict[str, Any]]:
    """Return plan and body of a txt2img request; it may have fields that the form lacks."""
    with webui(family, **(changes or {})):
        call = WebUI(URL, defaults=defaults).call()
        plan = call.planner.txt2img(Txt2Img.build({"prompt": "a cat", **requested}))
        return plan, call.dialect.body(plan)


def body_for(
    family: str, changes: dict[str, Any] | None = None, **requested: Any
) -> dict[str, Any]:
    """Return the body of a txt2img request."""
    return planned(family, changes, **requested)[1]
