"""An error is shown in each place as Dify shows it there."""

import json

import pytest

from devkit.host import PluginError, PluginHost
from tests.error_views import views_of
from tests.host.fixture import act

OURS = "steps must be at most 150 (got 999)."
LOST = "Please check your tool provider credentials"
CHECK = f"tool parameters validation error: {OURS}, please check your tool parameters"
CLEAN = f"tool invoke error: {OURS}"


def raised(host: PluginHost, error_type: str) -> PluginError:
    with pytest.raises(PluginError) as caught:
        act(host, ["raise", error_type, OURS])
    assert caught.value.error_type == error_type
    return caught.value


@pytest.mark.parametrize(
    ("error_type", "for_new_agent"),
    [
        ("InvokeBadRequestError", CHECK),
        ("InvokeConnectionError", CLEAN),
        ("InvokeServerUnavailableError", CLEAN),
        ("InvokeRateLimitError", CLEAN),
        ("InvokeAuthorizationError", LOST),
        ("CredentialsValidateFailedError", LOST),
    ],
)
def test_a_class_that_dify_unpacks(host: PluginHost, error_type: str, for_new_agent: str) -> None:
    views = views_of(raised(host, error_type))
    assert (views.dialog, views.node) == (OURS, OURS)
    assert views.branch_type == "WorkflowNodeError"
    assert views.branch_type_later == "ToolRuntimeInvocationError"
    assert views.classic_agent == CLEAN
    assert views.agent_node == (
        f"tool invoke error: read tool response failed: request failed: {OURS}"
    )
    assert views.new_agent == for_new_agent


@pytest.mark.parametrize(
    ("error_type", "for_new_agent"),
    [("InvokeError", CLEAN), ("ToolProviderCredentialValidationError", LOST)],
)
def test_any_other_class(host: PluginHost, error_type: str, for_new_agent: str) -> None:
    views = views_of(raised(host, error_type), "host_fixture")
    head, _, dumped = views.dialog.partition("PluginInvokeError: ")
    assert head.startswith("req_id: ")
    whole = json.loads(dumped)
    assert "act.py" in whole["args"]["traceback"]
    assert (whole["error_type"], whole["message"]) == (error_type, OURS)
    assert views.node == (
        "An error occurred in the host_fixture, please contact the author of host_fixture for "
        f"help, error type: {error_type}, error details: {OURS}"
    )
    assert views.branch_type == "PluginInvokeError"
    assert views.classic_agent == f"tool invoke error: {views.dialog}"
    assert views.agent_node == (
        f"tool invoke error: read tool response failed: request failed: {views.dialog}"
    )
    assert views.new_agent == for_new_agent


def test_the_sdks_own_details_are_kept(host: PluginHost) -> None:
    own = raised(host, "InvokeBadRequestError")
    assert own.details["description"] == OURS
    assert "act.py" in own.details["traceback"]
    assert "description" not in raised(host, "CredentialsValidateFailedError").details
