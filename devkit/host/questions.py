"""What the daemon asks of a plugin, in its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devkit.host.callers import Caller


def request(
    session_id: str, data: Mapping[str, Any], caller: Caller | None = None
) -> dict[str, Any]:
    """A request as it is sent; one that no app makes has a user only."""
    return {
        "session_id": session_id,
        **(caller.session if caller else {}),
        "event": "request",
        "data": {"user_id": caller.user_id if caller else "devkit", **data},
    }


def validation(provider: str, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Whether these credentials are good."""
    return {
        "type": "tool",
        "action": "validate_tool_credentials",
        "provider": provider,
        "credentials": dict(credentials),
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


def backwards(session_id: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer to what the plugin asks of Dify during an invocation."""
    return {"session_id": session_id, "event": "backwards_response", "data": dict(answer)}
