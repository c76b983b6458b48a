"""Runs a plugin as Dify's daemon does and talks to it over its protocol.

Imports nothing of the plugin or of its SDK, so the process that hosts a plugin keeps an unpatched
standard library.

Example:
    >>> with PluginHost(Path(".")) as host:
    ...     host.validate_credentials("stable_diffusion", {"base_url": "http://127.0.0.1:7860"})
    ...     given, agent = {"prompt": "a cat"}, ClassicAgent(user_id="ann")
    ...     host.invoke("stable_diffusion", "sd_txt2img", credentials, given, caller=agent).text
"""

from devkit.host.call import Call
from devkit.host.callers import (
    Agent,
    AgentNode,
    Caller,
    ChatflowNode,
    ClassicAgent,
    NewAgent,
    NotCalled,
    WorkflowNode,
)
from devkit.host.process import PluginHost
from devkit.host.results import PluginDied, PluginError, ToolFile, ToolResult
from devkit.host.serverless import ServerlessPlugin

__all__ = [
    "Agent",
    "AgentNode",
    "Call",
    "Caller",
    "ChatflowNode",
    "ClassicAgent",
    "NewAgent",
    "NotCalled",
    "PluginDied",
    "PluginError",
    "PluginHost",
    "ServerlessPlugin",
    "ToolFile",
    "ToolResult",
    "WorkflowNode",
]
