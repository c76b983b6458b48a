"""Each thing that can be wrong with a server's address has its own message with the next step.

Through the plugin's own process and Dify's protocol, over real HTTP.
"""

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from devkit.host import PluginError, PluginHost
from devkit.simulator import Simulator
from tests.e2e.images import plain
from tests.raw_server import RawServer, Script, answering

PROVIDER = "stable_diffusion"
MODELS = [{"title": "dream.safetensors [1234567890]", "model_name": "dream", "hash": "1234567890"}]


def http(status: str, body: bytes | object, kind: str = "application/json") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


PAGE = http("200 OK", b"<!doctype html><html><title>WebUI</title></html>", "text/html")
NOT_FOUND = http("404 Not Found", {"detail": "Not Found"})


def without_api(connection: socket.socket, request: bytes) -> None:
    connection.sendall(PAGE if request.startswith(b"GET / ") else NOT_FOUND)


def refusal(plugin: PluginHost, **credentials: str) -> str:
    with pytest.raises(PluginError) as caught:
        plugin.validate_credentials(PROVIDER, credentials)
    assert caught.value.error_type == "CredentialsValidateFailedError"
    return caught.value.message


@pytest.mark.parametrize(
    ("script", "reported"),
    [
        (
            answering(http("401 Unauthorized", {"detail": "Not authenticated"})),
            'refused access (401). It said: "Not authenticated" It asks for a password: '
            "set api_auth to user:password",
        ),
        (
            answering(http("403 Forbidden", b"no", "text/plain")),
            'forbids this (403). It said: "no" Check the headers credential',
        ),
        (without_api, "shows a web page but has no API (404). Start the WebUI with --api"),
        (answering(NOT_FOUND), "start the WebUI with --api"),
        (answering(PAGE), "with a web page instead of JSON. Check base_url"),
        (answering(http("200 OK", b"hello", "text/plain")), "with text instead of JSON"),
        (answering(http("200 OK", {"models": []})), "with JSON that is no list of models"),
        (answering(http("200 OK", [1])), "with JSON that is no list of models"),
        (
            answering(http("200 OK", [])),
            "has no checkpoint. Put one into its models/Stable-diffusion",
        ),
        (
            answering(http("502 Bad Gateway", b"<title>502 Bad Gateway</title>", "text/html")),
            'it may be restarting or have crashed (502). It said: "502 Bad Gateway"',
        ),
        (
            answering(http("504 Gateway Timeout", b"", "text/html")),
            "gave up waiting for the WebUI; many do so after 60 seconds (504).",
        ),
        (
            answering(http("500 Oops", {"error": "KeyError", "detail": "", "errors": "'x'"})),
            "failed at list the models (500). It said: \"KeyError: 'x'\"",
        ),
        (
            answering(http("302 Found\r\nLocation: https://login.test/", b"")),
            "redirects to https://login.test/ (302), which is not followed there.",
        ),
        (lambda connection, _: connection.close(), "closed the connection without an answer"),
    ],
)
def test_what_answers_is_no_usable_webui(
    plugin: PluginHost, serve: Callable[[Script], RawServer], script: Script, reported: str
) -> None:
    url = serve(script).url
    message = refusal(plugin, base_url=url)
    assert reported in message
    assert url.removeprefix("http://") in message


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_connection_refused(plugin: PluginHost) -> None:
    port = closed_port()
    message = refusal(plugin, base_url=f"http://127.0.0.1:{port}")
    assert f"Nothing listens at http://127.0.0.1:{port} (connection refused)." in message
    assert "(AUTOMATIC1111 and Forge: --api --listen)" in message
    assert f"http://host.docker.internal:{port}" in message


def test_name_not_found(plugin: PluginHost) -> None:
    message = refusal(plugin, base_url="http://gpu.invalid:7860")
    assert "The host name 'gpu.invalid' in base_url was not found." in message


def test_tls_where_there_is_none(plugin: PluginHost, serve: Callable[[Script], RawServer]) -> None:
    raw = serve(answering(PAGE))
    message = refusal(plugin, base_url=raw.url.replace("http:", "https:"))
    assert f"does not speak TLS on this port. Set base_url to {raw.url} instead." in message


def test_a_certificate_of_ones_own(plugin: PluginHost) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    raw = RawServer(answering(http("200 OK", MODELS)), context)
    url = raw.url.replace("http:", "https:")
    message = refusal(plugin, base_url=url)
    assert f"The TLS connection to {url} failed: " in message
    assert "paste its authority's PEM into ca_certificate, or turn tls_verify off" in message
    pem = authority.cert_pem.bytes().decode().replace("\n", " ")
    plugin.validate_credentials(PROVIDER, {"base_url": url, "ca_certificate": pem})
    plugin.validate_credentials(PROVIDER, {"base_url": url, "tls_verify": False})
    raw.close()


def test_timeout(plugin: PluginHost, serve: Callable[[Script], RawServer]) -> None:
    raw = serve(lambda *_: time.sleep(20))
    started = time.monotonic()
    message = refusal(plugin, base_url=raw.url, timeout="1")
    assert f"{raw.url} did not answer in time (list the models)." in message
    assert time.monotonic() - started < 6


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"base_url": ""}, "base_url is missing"),
        ({"base_url": "ftp://gpu"}, "must begin with http:// or https://"),
        ({"base_url": "gpu", "api_auth": "s3cret-only"}, "api_auth must be user:password"),
        ({"base_url": "gpu", "headers": "s3cret only"}, "headers: line 1 is not of the form"),
        (
            {"base_url": "gpu", "timeout": "ten"},
            "timeout must be a number of seconds from 1 to 590",
        ),
        (
            {"base_url": "gpu", "timeout": "600"},
            "timeout must be a number of seconds from 1 to 590",
        ),
        ({"base_url": "gpu", "ca_certificate": "x"}, "ca_certificate is no PEM"),
        ({"base_url": "http://127..0.1"}, "base_url names no host"),
    ],
)
def test_malformed_credentials(plugin: PluginHost, given: dict[str, str], reported: str) -> None:
    message = refusal(plugin, **given)
    assert reported in message
    assert "s3cret" not in message


def test_an_unknown_model_lists_what_is_there(
    plugin: PluginHost, serve: Callable[[Script], RawServer]
) -> None:
    models = [{"title": f"model{n}.ckpt", "model_name": f"model{n}"} for n in range(30)]
    raw = serve(answering(http("200 OK", models)))
    message = refusal(plugin, base_url=raw.url, model="modle7")
    assert "The server has no model 'modle7'. Did you mean 'model7'" in message
    listed = re.search(r"It has: (.*) and (\d+) more\. sd_list_resources shows all\.$", message)
    assert listed
    assert len(listed[1].split(", ")) + int(listed[2]) == 30


@pytest.mark.parametrize("model", ["", "dream", "DREAM.SAFETENSORS", "1234567890"])
def test_any_name_of_the_model_will_do(
    plugin: PluginHost, serve: Callable[[Script], RawServer], model: str
) -> None:
    raw = serve(answering(http("200 OK", MODELS)))
    plugin.validate_credentials(PROVIDER, {"base_url": f"{raw.url}/docs", "model": model})
    assert raw.requests


def test_a_password_inside_the_url_is_used_and_never_shown(
    plugin: PluginHost, serve: Callable[[Script], RawServer]
) -> None:
    echo = http("401 Unauthorized", {"detail": "Basic bWU6aHVudGVyMjI= me:hunter22 is wrong"})
    raw = serve(answering(echo))
    message = refusal(plugin, base_url=raw.url.replace("//", "//me:hunter22@"))
    assert b"Authorization: Basic bWU6aHVudGVyMjI=" in raw.requests[0]
    assert "hunter22" not in message
    assert "bWU6" not in message


def test_the_models_are_asked_for_and_nothing_else(
    plugin: PluginHost, serve: Callable[[Script], RawServer]
) -> None:
    raw = serve(answering(http("200 OK", MODELS)))
    plugin.validate_credentials(PROVIDER, {"base_url": raw.url, "model": "dream"})
    assert [one.split(b" ")[:2] for one in raw.requests] == [[b"GET", b"/sdapi/v1/sd-models"]]


@pytest.mark.parametrize(
    "headers",
    [
        "X-A: 1; Other: two words",
        "X-A: 1 Other: two words",
        "X-A: 1;Other: two words",
        "X-A: 1\nOther: two words\n",
        '{"X-A": "1", "Other": "two words"}',
    ],
)
def test_headers_may_stand_in_one_line(
    plugin: PluginHost, serve: Callable[[Script], RawServer], headers: str
) -> None:
    raw = serve(answering(http("200 OK", MODELS)))
    plugin.validate_credentials(PROVIDER, {"base_url": raw.url, "headers": headers})
    sent = raw.requests[0].split(b"\r\n")
    assert b"X-A: 1" in sent
    assert b"Other: two words" in sent


@pytest.mark.parametrize(
    "header",
    [
        "Cookie: a=1; b=2; c=3",
        "Cookie: when=Mon 12:30; b=2",
        "Authorization: Bearer abc.def",
        "X-Origin: https://a.test:8443/b; q=0.5",
    ],
)
def test_a_value_keeps_its_semicolons_and_colons(
    plugin: PluginHost, serve: Callable[[Script], RawServer], header: str
) -> None:
    raw = serve(answering(http("200 OK", MODELS)))
    plugin.validate_credentials(PROVIDER, {"base_url": raw.url, "headers": header})
    assert header.encode() in raw.requests[0].split(b"\r\n")


# ---- words that are put before all prompts

PREFIX, NEGATIVE = "masterpiece, best quality", "lowres, watermark"


@pytest.fixture(scope="module")
def webui() -> Iterator[Simulator]:
    with Simulator() as webui:
        yield webui


@pytest.fixture
def prompts(plugin: PluginHost, webui: Simulator) -> Callable[..., tuple[str, str]]:
    """The two prompts that reach the server: ``prompts({"prompt": …}, prompt_prefix=…)``."""

    def ask(given: dict[str, Any], tool: str = "sd_txt2img", **credentials: str) -> tuple[str, str]:
        webui.reset()
        access = {"base_url": webui.url, **credentials}
        plugin.invoke(PROVIDER, tool, access, {"size": "64x64", "steps": 1, **given})
        (body,) = (one["body"] for one in webui.journal() if one["method"] == "POST")
        return body["prompt"], body["negative_prompt"]

    return ask


Prompts = Callable[..., tuple[str, str]]


@pytest.mark.parametrize("prefix", [PREFIX, f"{PREFIX}, ", f" {PREFIX},\n"])
def test_they_are_put_before_the_prompts(prompts: Prompts, prefix: str) -> None:
    given = {"prompt": "a cat", "negative_prompt": "dog"}
    both = {"prompt_prefix": prefix, "negative_prompt": NEGATIVE}
    assert prompts(given, **both) == (f"{PREFIX}, a cat", f"{NEGATIVE}, dog")
    assert prompts({"prompt": "a cat"}, **both) == (f"{PREFIX}, a cat", NEGATIVE)
    assert prompts(given) == ("a cat", "dog")


def test_they_are_put_before_pasted_prompts_and_those_of_other_tools(
    plugin: PluginHost, prompts: Prompts
) -> None:
    both = {"prompt_prefix": PREFIX, "negative_prompt": NEGATIVE}
    pasted = "a cat\nNegative prompt: dog\nSteps: 1, Seed: 7, Size: 64x64"
    assert prompts({"more_settings": pasted}, **both) == (f"{PREFIX}, a cat", f"{NEGATIVE}, dog")
    image = plugin.files.add(plain((64, 64)), "a.png")
    changed = prompts({"image": image, "prompt": "a cat"}, "sd_img2img", **both)
    assert changed == (f"{PREFIX}, a cat", NEGATIVE)


def test_an_image_that_is_repeated_does_not_get_them_twice(
    plugin: PluginHost, webui: Simulator, prompts: Prompts
) -> None:
    both = {"prompt_prefix": PREFIX, "negative_prompt": NEGATIVE}
    requested = {"prompt": "a cat", "negative_prompt": "dog", "size": "64x64", "steps": 1}
    made = plugin.invoke(PROVIDER, "sd_txt2img", {"base_url": webui.url, **both}, requested)
    image = plugin.files.add(made.files[0].data, "a.png")
    assert prompts({"reproduce": image}, **both) == (f"{PREFIX}, a cat", f"{NEGATIVE}, dog")


def test_a_prefix_alone_is_no_prompt(plugin: PluginHost, webui: Simulator) -> None:
    access = {"base_url": webui.url, "prompt_prefix": PREFIX}
    with pytest.raises(PluginError, match=r"^prompt is missing: "):
        plugin.invoke(PROVIDER, "sd_txt2img", access, {"prompt": " "})
