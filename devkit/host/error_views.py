"""What Dify shows of an error that a plugin raised, in each place where it shows one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from devkit.host.results import PluginError

UNPACKED = frozenset(
    {
        "CredentialsValidateFailedError",
        "InvokeAuthorizationError",
        "InvokeBadRequestError",
        "InvokeConnectionError",
        "InvokeRateLimitError",
        "InvokeServerUnavailableError",
    }
)
"""Classes of which Dify 1.12 and later show the message alone; by exact name, not by descent."""

_REQUEST_ID = "req_id: 0123456789 "


@dataclass(frozen=True, slots=True)
class ErrorViews:
    """One error in all places.

    Attributes:
        dialog: The credentials dialog.
        node: A tool node of a workflow or chatflow; also ``error_message`` of its error branch.
        branch_type: ``error_type`` of the error branch in Dify 1.13.
        branch_type_later: The same from Dify 1.14 on.
        classic_agent: What the model of an agent app reads.
        agent_node: What the model of an Agent node reads.
        new_agent: What the model of an agent app of Dify 1.16 and later reads.
    """

    dialog: str
    node: str
    branch_type: str
    branch_type_later: str
    classic_agent: str
    agent_node: str
    new_agent: str


def views_of(error: PluginError, plugin: str = "plugin") -> ErrorViews:
    """Return what Dify shows of an error of the plugin or provider of this name."""
    message = error.message
    if error.error_type in UNPACKED:
        text = node = message
        branch_type = "WorkflowNodeError"
    else:
        whole = {"args": error.details, "error_type": error.error_type, "message": message}
        text = f"{_REQUEST_ID}PluginInvokeError: {json.dumps(whole, ensure_ascii=False)}"
        node = (
            f"An error occurred in the {plugin}, please contact the author of {plugin} for help, "
            f"error type: {error.error_type}, error details: {message}"
        )
        branch_type = "PluginInvokeError"
    return ErrorViews(
        dialog=text,
        node=node,
        branch_type=branch_type,
        branch_type_later="ToolRuntimeInvocationError",
        classic_agent=f"tool invoke error: {text}",
        agent_node=f"tool invoke error: read tool response failed: request failed: {text}",
        new_agent=_for_new_agent(error),
    )


def _for_new_agent(error: PluginError) -> str:
    """Unlike the others, it looks for words in the name of any class, and unpacks all."""
    if any(word in error.error_type for word in ("Credential", "Authorization", "Unauthorized")):
        return "Please check your tool provider credentials"
    if any(word in error.error_type for word in ("BadRequest", "Validate", "Validation")):
        return (
            f"tool parameters validation error: {error.message}, please check your tool parameters"
        )
    return f"tool invoke error: {error.message}"
