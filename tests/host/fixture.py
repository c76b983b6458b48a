"""What tests ask of the fixture plugin."""

import json
from pathlib import Path
from typing import Any

from devkit.host import Caller, PluginHost, ToolResult
from devkit.host.process import WORKFLOW_NODE

FOLDER = Path(__file__).parents[1] / "host_fixture_plugin"
CREDENTIALS = {"word": "please"}


def act(host: PluginHost, *steps: list[Any], caller: Caller = WORKFLOW_NODE) -> ToolResult:
    """Let the fixture's tool do some steps."""
    given = {"script": json.dumps(steps)}
    return host.invoke("fixture", "act", CREDENTIALS, given, caller=caller, timeout=20)


def echo(host: PluginHost, given: dict[str, Any], caller: Caller, **settings: Any) -> Any:
    """Return the parameters that reach a tool."""
    result = host.invoke(
        "fixture", "echo", CREDENTIALS, given, caller=caller, settings=settings, timeout=20
    )
    return result.jsons[0]
