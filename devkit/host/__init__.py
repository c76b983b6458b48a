"""Runs a plugin as Dify's daemon does and talks to it over its protocol.

Imports nothing of the plugin or of its SDK, so the process that hosts a plugin keeps an unpatched
standard library.

Example:
    >>> with PluginHost(Path(".")) as host:
    ...     host.validate_credentials("stable_diffusion", {"base_url": "http://127.0.0.1:7860"})
    ...     result = host.invoke("stable_diffusion", "txt2img", credentials, {"prompt": "a cat"})
    ...     result.files[0].filename
"""

from devkit.host.call import Call
from devkit.host.process import PluginHost
from devkit.host.results import (
    Option,
    PluginDied,
    PluginError,
    Timings,
    ToolFile,
    ToolResult,
)
from devkit.host.serverless import ServerlessPlugin

__all__ = [
    "Call",
    "Option",
    "PluginDied",
    "PluginError",
    "PluginHost",
    "ServerlessPlugin",
    "Timings",
    "ToolFile",
    "ToolResult",
]
