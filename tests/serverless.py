"""Calls a plugin that runs behind a web server, as Dify Cloud does."""

import json
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from devkit.host import Call, ServerlessPlugin, ToolResult, WorkflowNode

SILENCE_SECONDS = 60.0


def invoke(
    plugin: ServerlessPlugin,
    provider: str,
    tool: str,
    credentials: dict[str, Any],
    parameters: dict[str, Any],
) -> ToolResult:
    """Invoke a tool as a workflow node does and wait for all that it yields."""
    call = Call()
    request = WorkflowNode().invocation(provider, tool, credentials, parameters)
    body = {"session_id": call.session_id, **request}
    with requests.Session() as session:
        # The SDK prints its banner just before it listens.
        session.mount(plugin.url, HTTPAdapter(max_retries=Retry(connect=6, backoff_factor=0.05)))
        url = f"{plugin.url}/invoke"
        response = session.post(url, json=body, stream=True, timeout=SILENCE_SECONDS)
        response.raise_for_status()
        for line in filter(None, response.iter_lines()):
            message = json.loads(line)["data"]
            call.receive(message["type"], message["data"])
    return call.wait(0)
