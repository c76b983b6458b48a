"""A typed address, password, headers or certificate is understood, or refused with a reason."""

import base64

import pytest

from sdwebui.errors import InvalidInput
from sdwebui.http.server import Server


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("192.168.1.20:7860", "http://192.168.1.20:7860"),
        ("http://gpu:7860/", "http://gpu:7860"),
        ("https://gpu.example/sd/", "https://gpu.example/sd"),
        ("http://gpu:7860/sdapi/v1/txt2img", "http://gpu:7860"),
        ("http://gpu:7860/sd/sdapi/v1/sd-models?x=1", "http://gpu:7860/sd"),
        ("http://gpu:7860/docs", "http://gpu:7860"),
        ("http://gpu:7860/docs#/default/txt2img", "http://gpu:7860"),
        ("http://gpu:7860/?__theme=dark", "http://gpu:7860"),
        (" 'http://gpu:7860' ", "http://gpu:7860"),
        ("HTTP://GPU:7860", "http://gpu:7860"),
        ("[::1]:7860", "http://[::1]:7860"),
        ("localhost", "http://localhost"),
        ("http:/gpu:7860", "http://gpu:7860"),
        ("http//gpu:7860", "http://gpu:7860"),
        ("https:///gpu", "https://gpu"),
        ("my_gpu-1", "http://my_gpu-1"),
    ],
)
def test_base_url_is_tolerant(typed: str, url: str) -> None:
    assert Server.at(typed).url == url


@pytest.mark.parametrize(
    ("typed", "reported"),
    [
        ("", "base_url is missing"),
        ("ftp://gpu", "must begin with http:// or https://"),
        ("http://", "names no host"),
        ("http://gpu:99999", "is not an address"),
        ("my gpu machine", "names no host"),
        ("http://127..0.1:7860", "names no host"),
        (f"http://{'a' * 64}", "names no host"),
        ("http://*host:7860", "names no host"),
        ("http://.lan", "names no host"),
    ],
)
def test_an_invalid_base_url_is_refused_with_a_reason(typed: str, reported: str) -> None:
    with pytest.raises(InvalidInput, match=reported):
        Server.at(typed)


def test_a_password_in_the_url_is_removed_from_it() -> None:
    server = Server.at("http://me:s%40cret@gpu:7860/sd")
    assert server.url == "http://gpu:7860/sd"
    assert server.auth == ("me", "s@cret")
    assert "cret" not in repr(server)


def test_api_auth_wins_over_the_url() -> None:
    assert Server.at("http://a:b@gpu", api_auth="c:d:e").auth == ("c", "d:e")


@pytest.mark.parametrize("typed", ["nocolon", ":password"])
def test_api_auth_must_be_a_pair(typed: str) -> None:
    with pytest.raises(InvalidInput, match="user:password") as caught:
        Server.at("gpu", api_auth=typed)
    assert "nocolon" not in str(caught.value)


@pytest.mark.parametrize("typed", ["X-A: 1\nX-B: two words", '{"X-A": 1, "X-B": "two words"}'])
def test_headers_are_lines_or_json(typed: str) -> None:
    assert Server.at("gpu", headers=typed).headers == (("X-A", "1"), ("X-B", "two words"))


@pytest.mark.parametrize(
    "typed", ["no colon here", "X Y: 1", '{"X": ', "X: a\x00b", "X: snowman ☃"]
)
def test_broken_headers_are_refused_without_their_values(typed: str) -> None:
    with pytest.raises(InvalidInput, match="headers") as caught:
        Server.at("gpu", headers=typed)
    assert "snowman" not in str(caught.value)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection"])
def test_headers_that_belong_to_one_request_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"headers: {name} is set for each request"):
        Server.at("gpu", headers=f"{name}: 5")


def test_basic_auth_and_headers_are_sent_together() -> None:
    headers = Server.at("gpu", api_auth="me:pass", headers="X-Key: k").request_headers()
    assert headers["X-Key"] == "k"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"me:pass"


def test_two_authorizations_are_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot both be sent"):
        Server.at("gpu", api_auth="a:b", headers="authorization: Bearer x")


def test_a_pem_without_line_breaks_gets_them_back() -> None:
    body = base64.b64encode(bytes(range(100))).decode()
    flat = f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----"
    lines = Server.at("gpu", ca_certificate=flat).ca_certificate.splitlines()
    assert lines[0] == "-----BEGIN CERTIFICATE-----"
    assert "".join(lines[1:-1]) == body
    assert max(map(len, lines[1:-1])) == 64


@pytest.mark.parametrize(
    ("typed", "reported"),
    [
        ("hello", "is no PEM"),
        ("-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----", "holds a private key"),
    ],
)
def test_an_invalid_certificate_is_refused(typed: str, reported: str) -> None:
    with pytest.raises(InvalidInput, match=reported) as caught:
        Server.at("gpu", ca_certificate=typed)
    assert "AAAA" not in str(caught.value)


def test_no_spelling_of_a_secret_survives() -> None:
    server = Server.at("gpu", api_auth="me:p w/d!", headers="X-Key: Bearer abcdefghij")
    token = base64.b64encode(b"me:p w/d!").decode()
    reported = f"me:p w/d! p%20w/d%21 {token} abcdefghij Bearer abcdefghij p w/d!"
    cleaned = server.redact(reported)
    for secret in ("p w/d!", "p%20w", token, "abcdefghij"):
        assert secret not in cleaned


def test_secrets_in_an_address_are_removed() -> None:
    server = Server.at("gpu", api_auth="u:pä ss", headers="Authorization-X: session=abc def")
    assert (
        server.redact("/?p=p%C3%A4+ss&s=session%3Dabc+def&q=p%C3%A4%20ss") == "/?p=•••&s=•••&q=•••"
    )


def test_a_short_password_is_removed_only_as_a_word() -> None:
    assert Server.at("gpu", api_auth="u:on").redact("on a baton") == "••• a baton"


@pytest.mark.parametrize(
    ("typed", "loopback"),
    [("localhost:7860", True), ("127.0.0.1", True), ("[::1]", True), ("gpu", False)],
)
def test_loopback_addresses_are_recognised(typed: str, *, loopback: bool) -> None:
    assert Server.at(typed).is_loopback is loopback


@pytest.mark.parametrize(
    "typed",
    ["X-A: 1; ngrok-skip: 2", "X-A:1;ngrok-skip:2", "X-A: 1, Ngrok-Skip: 2",
     "X-A: 1\\nngrok-skip: 2",
     "X-A: 1 Ngrok-Skip: 2"],
)  # fmt: skip
def test_several_headers_in_one_line_are_split(typed: str) -> None:
    pairs = Server.at("gpu", headers=typed).headers
    assert [(name.lower(), value) for name, value in pairs] == [("x-a", "1"), ("ngrok-skip", "2")]


@pytest.mark.parametrize("typed", ["Cookie: a=1; b=2", "X-To: http://a:80/; http://b:81/"])
def test_a_value_with_semicolons_is_not_split(typed: str) -> None:
    assert len(Server.at("gpu", headers=typed).headers) == 1
