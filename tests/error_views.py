"""What Dify shows of an error that a plugin raised, in each place where it shows one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from devkit.host import PluginError

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


@dataclass(frozen=True, slots=True)
class ErrorViews:
    """One error in all places."""

    dialog: str  # the credentials dialog
    node: str  # a tool node; also error_message of its error branch
    branch_type: str  # error_type of the error branch in Dify 1.13
    branch_type_later: str  # the same from Dify 1.14 on
    classic_agent: str  # what the model of an agent app reads
    agent_node: str  # what the model of an Agent node reads
    new_agent: str  # what the model of an agent app of Dify 1.16 and later reads


def views_of(error: PluginError, plugin: str = "plugin") -> ErrorViews:
    """Return what Dify shows of an error of the plugin or provider of this name."""
    kind, message = error.error_type, error.message
    text = node = message
    branch_type = "WorkflowNodeError"
    if kind not in UNPACKED:
        whole = {"args": error.details, "error_type": kind, "message": message}
        text = f"req_id: 0123456789 PluginInvokeError: {json.dumps(whole, ensure_ascii=False)}"
        node = (
            f"An error occurred in the {plugin}, please contact the author of {plugin} for help, "
            f"error type: {kind}, error details: {message}"
        )
        branch_type = "PluginInvokeError"
    # The new agent looks for words in the name of any class, and unpacks all.
    new_agent = f"tool invoke error: {message}"
    if any(word in kind for word in ("Credential", "Authorization", "Unauthorized")):
        new_agent = "Please check your tool provider credentials"
    elif any(word in kind for word in ("BadRequest", "Validate", "Validation")):
        new_agent = (
            f"tool parameters validation error: {message}, please check your tool parameters"
        )
    return ErrorViews(
        dialog=text,
        node=node,
        branch_type=branch_type,
        branch_type_later="ToolRuntimeInvocationError",
        classic_agent=f"tool invoke error: {text}",
        agent_node=f"tool invoke error: read tool response failed: request failed: {text}",
        new_agent=new_agent,
    )
