"""What tests request of the fixture plugin."""

import json
from pathlib import Path
from typing import Any

from devkit.host import Call, Caller, PluginHost, ToolResult, WorkflowNode

FOLDER = Path(__file__).parents[1] / "host_fixture_plugin"
CREDENTIALS = {"word": "please"}
NODE = WorkflowNode()


def start(host: PluginHost, *steps: list[Any], caller: Caller = NODE) -> Call:
    """Let the fixture's tool begin some steps."""
    given = {"script": json.dumps(steps)}
    return host.start("fixture", "act", CREDENTIALS, given, caller=caller)


def act(host: PluginHost, *steps: list[Any], caller: Caller = NODE) -> ToolResult:
    """Let it do them."""
    return start(host, *steps, caller=caller).wait(20)


def echo(host: PluginHost, given: dict[str, Any], caller: Caller, **settings: Any) -> Any:
    """Return the parameters that reach a tool."""
    result = host.invoke(
        "fixture", "echo", CREDENTIALS, given, caller=caller, settings=settings, timeout=20
    )
    return result.jsons[0]
