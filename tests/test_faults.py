"""A failed response of any family becomes one error: what happened, its message, what to do."""

import json
from typing import Any

import pytest

from sdwebui import errors
from sdwebui.http.server import Server
from sdwebui.http.status_errors import error_from_response, server_message

SERVER = Server.at("http://gpu:7860", api_auth="me:hunter22")
OPEN = Server.at("http://gpu:7860")
NGINX = b"<html><head><title>%s</title></head><body><center>nginx</center></body></html>"


def fault(status: int, body: Any, server: Server = SERVER, **headers: str) -> errors.WebUIError:
    """Return the error for a response."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_response(server, status, headers, data, job="txt2img")


A1111_CUDA = {
    "error": "OutOfMemoryError",
    "detail": "",
    "body": "",
    "errors": "CUDA out of memory. Tried to allocate 2.00 GiB",
}
FORGE_CUDA = {
    "error": "OutOfMemoryError",
    "detail": "",
    "body": "",
    "message": "CUDA out of memory.",
}


def test_deeply_nested_json_is_a_server_fault() -> None:
    assert isinstance(fault(500, b"[" * 60000), errors.ServerFault)


def test_a_secret_is_removed_however_it_is_spaced() -> None:
    server = Server.at("http://gpu:7860", api_auth="me:two  spaces")
    reported = server_message(server, b"wrong: me:two  spaces, wrong: two spaces")
    assert "two  spaces" not in reported
    assert reported.startswith("wrong: •••")


@pytest.mark.parametrize(
    ("status", "body", "kind", "reported"),
    [
        (500, A1111_CUDA, errors.OutOfMemory, "smaller size or fewer images"),
        (500, FORGE_CUDA, errors.OutOfMemory, "CUDA out of memory"),
        (500, {"error": "generate_image returned no results"}, errors.OutOfMemory, "medvram"),
        (
            500,
            {"error": "server_error", "message": "std::bad_alloc"},
            errors.OutOfMemory,
            "bad_alloc",
        ),
        (
            500,
            {
                "error": "NansException",
                "detail": "",
                "errors": "A tensor with all NaNs was produced",
            },
            errors.NotANumber,
            "--no-half-vae",
        ),
        (
            500,
            {"error": "FileNotFoundError", "detail": "", "errors": "No checkpoints found. When …"},
            errors.ModelMissing,
            "models/Stable-diffusion",
        ),
        (
            500,
            {"error": "Exception", "detail": "", "errors": "Could not find checkpoint with name x"},
            errors.ModelMissing,
            "another model",
        ),
        (
            503,
            {"detail": {"msg": "No Vision model loaded", "type": "service_unavailable"}},
            errors.ModelMissing,
            "No Vision model loaded",
        ),
        (
            422,
            {"error": "HTTPException", "detail": "Script 'ADetailer' not found", "errors": ""},
            errors.ExtensionMissing,
            "lacks the extension ADetailer",
        ),
        (
            422,
            {"error": "HTTPException", "detail": "Always on script not found: ControlNet"},
            errors.ExtensionMissing,
            "lacks the extension ControlNet",
        ),
        (
            422,
            {"detail": [{"loc": ["body", "width"], "msg": "value is not a valid integer"}]},
            errors.Rejected,
            '"width: value is not a valid integer"',
        ),
        (
            422,
            {
                "detail": [
                    {"loc": ["body", "steps"], "msg": "Input should be valid", "input": "SECRET"}
                ]
            },
            errors.Rejected,
            "steps: Input should be valid",
        ),
        (400, {"error": "invalid lora path: x"}, errors.Rejected, "invalid lora path: x"),
        (404, {"detail": "Sampler not found"}, errors.Rejected, "Sampler not found"),
        (
            429,
            {"error": "HTTPException", "code": 429, "detail": "rate limit exceeded"},
            errors.RateLimited,
            "Wait a minute",
        ),
        (
            503,
            {"detail": {"msg": "Server is busy; please try again later."}},
            errors.RateLimited,
            "its queue is full",
        ),
        (502, NGINX % b"502 Bad Gateway", errors.ProxyFailed, "502 Bad Gateway"),
        (503, NGINX % b"503 Service Unavailable", errors.ProxyFailed, "starting or overloaded"),
        (520, b"", errors.ProxyFailed, "could not reach the WebUI's machine (520)"),
        (524, b"error code: 524", errors.ProxyFailed, "Cloudflare does so after 100 seconds (524)"),
        (526, b"", errors.ProxyFailed, "does not trust the certificate"),
        (
            400,
            NGINX % b"400 The plain HTTP request was sent to HTTPS port",
            errors.NotAWebUI,
            "Set base_url to https://gpu:7860 instead.",
        ),
        (504, NGINX % b"504 Gateway Time-out", errors.ProxyFailed, "proxy_read_timeout 620s"),
        (413, NGINX % b"413 Request Entity Too Large", errors.ProxyFailed, "client_max_body_size"),
        (404, {"detail": "Not Found"}, errors.NotAWebUI, "start the WebUI with --api"),
        (404, b"", errors.NotAWebUI, "has no endpoint for txt2img"),
        (405, {"detail": "Method Not Allowed"}, errors.NotAWebUI, "(405)"),
        (403, b"no", errors.AccessDenied, "forbids this (403)"),
        (500, b"", errors.ServerFault, "It gave no reason"),
        (
            500,
            {"error": "RuntimeError", "detail": "", "errors": "Sizes of tensors must match"},
            errors.ServerFault,
            "RuntimeError: Sizes of tensors must match",
        ),
        (
            500,
            {"error": "RuntimeError", "detail": "", "errors": ""},
            errors.ServerFault,
            "RuntimeError",
        ),
        (500, [1, 2], errors.ServerFault, "[1, 2]"),
    ],
)
def test_each_familys_failure_has_its_error(
    status: int, body: Any, kind: type[errors.WebUIError], reported: str
) -> None:
    error = fault(status, body)
    assert type(error) is kind
    assert reported in str(error)
    assert "SECRET" not in str(error)


@pytest.mark.parametrize(
    ("server", "reported"),
    [
        (OPEN, "set api_auth to user:password"),
        (SERVER, "api_auth is wrong"),
        (Server.at("gpu", api_auth="me:pässwörd"), "ASCII passwords only"),
    ],
)
def test_denied_access_names_the_credential_to_set(server: Server, reported: str) -> None:
    error = fault(401, {"error": "HTTPException", "detail": "Not authenticated"}, server)
    assert isinstance(error, errors.AccessDenied)
    assert reported in str(error)


def test_a_redirect_that_is_not_followed_names_its_target_without_a_password() -> None:
    error = fault(302, b"", Location="https://a:b@other/x")
    assert isinstance(error, errors.NotAWebUI)
    assert "redirects to https://other/x (302)" in str(error)


def test_a_servers_message_is_short_and_holds_no_secret() -> None:
    body = json.dumps({"detail": f"Basic bWU6aHVudGVyMjI= me:hunter22 {'x' * 500}"}).encode()
    reported = server_message(SERVER, body)
    assert len(reported) == 150
    assert "hunter22" not in reported
    assert "bWU6" not in reported


def test_a_page_without_title_is_read_without_its_tags() -> None:
    page = b"<html><style>p {}</style><p>Down &amp; out</p></html>"
    assert server_message(SERVER, page) == "Down & out"


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (407, False), (413, False), (429, True), (500, False),
     (502, True), (503, True), (504, True), (524, True), (526, False)],
)  # fmt: skip
def test_an_error_carries_what_a_script_decides_by(status: int, *, retryable: bool) -> None:
    error = fault(status, {"detail": "for this reason"})
    for each in (error, error.copy()):
        assert (each.status, each.detail, each.retryable) == (status, "for this reason", retryable)
        assert str(each) == str(error)
