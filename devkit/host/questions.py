"""What the daemon asks of a plugin, in its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def request(session_id: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """A request as it is sent, of a user called "devkit"."""
    return {
        "session_id": session_id,
        "event": "request",
        "data": {"user_id": "devkit", **data},
    }


def validation(provider: str, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Whether these credentials are good."""
    return {
        "type": "tool",
        "action": "validate_tool_credentials",
        "provider": provider,
        "credentials": dict(credentials),
    }


def choices(
    provider: str, tool: str, parameter: str, credentials: Mapping[str, Any]
) -> dict[str, Any]:
    """What the dropdown of a dynamic-select parameter offers."""
    return {
        "type": "dynamic_parameter",
        "action": "fetch_parameter_options",
        "provider": provider,
        "provider_action": tool,
        "credentials": dict(credentials),
        "parameter": parameter,
    }


def invocation(
    provider: str, tool: str, credentials: Mapping[str, Any], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """That a tool does its work."""
    return {
        "type": "tool",
        "action": "invoke_tool",
        "provider": provider,
        "tool": tool,
        "credentials": dict(credentials),
        "credential_type": "api-key",
        "tool_parameters": dict(parameters),
    }
