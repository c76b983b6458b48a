"""Requests reach the server as they should, and no job is sent twice."""

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.servers import DIFY
from sdwebui import errors
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server
from sdwebui.http.transport import Request, Transport
from tests.raw_server import RawServer, Script, answering

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


POST = Request("POST", "/sdapi/v1/txt2img", "txt2img", {"prompt": "a"})


def test_headers_and_body_are_sent_as_they_should(serve: Callable[[Script], RawServer]) -> None:
    raw = serve(answering(OK))
    server = Server.at(raw.url, api_auth="me:pass", headers="X-Key: k")
    Transport(server).post(
        Request("POST", "/x", "x", {"prompt": "ä"}, {"X-SD-Job": "1"}), Deadline.after(5)
    )
    head, _, body = raw.requests[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {"prompt": "ä"}
    for line in (
        b"POST /x HTTP/1.1",
        b"Authorization: Basic bWU6cGFzcw==",
        b"X-Key: k",
        b"X-SD-Job: 1",
        b"Content-Type: application/json",
        b"Accept-Encoding: identity",
    ):
        assert line in head


def test_no_netrc_password_and_no_cookie_is_sent(
    serve: Callable[[Script], RawServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    raw = serve(answering(OK.replace(b"Content-Type", b"Set-Cookie: a=b\r\nContent-Type")))
    transport = Transport(Server.at(raw.url))
    for _ in range(2):
        transport.get("/", deadline=Deadline.after(5), job="x")
    sent = b"".join(raw.requests)
    assert sent.startswith(b"GET / ")
    assert b"Authorization" not in sent
    assert b"Cookie" not in sent


def test_a_proxy_of_the_environment_is_used(
    serve: Callable[[Script], RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = serve(answering(OK))
    monkeypatch.setenv("HTTP_PROXY", raw.url)
    monkeypatch.setenv("NO_PROXY", "gpu.invalid")
    Transport(Server.at("gpu.test")).get("/x", deadline=Deadline.after(5), job="x")
    assert raw.requests[0].startswith(b"GET http://gpu.test/x ")
    with pytest.raises(errors.Unreachable, match="was not found"):
        Transport(Server.at("gpu.invalid")).get("/x", deadline=Deadline.after(5), job="x")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{probe.getsockname()[1]}")
    with pytest.raises(errors.Unreachable, match=r"The HTTP proxy .* Add gpu\.test to NO_PROXY"):
        Transport(Server.at("gpu.test")).post(POST, Deadline.after(5))


def test_a_get_whose_response_broke_off_is_sent_again(serve: Callable[[Script], RawServer]) -> None:
    answers = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", OK])

    def cut(connection: socket.socket, _: bytes) -> None:
        connection.sendall(next(answers))
        connection.shutdown(socket.SHUT_RDWR)

    raw = serve(cut)
    assert Transport(Server.at(raw.url)).get("/", deadline=Deadline.after(5), job="x") == {}
    assert len(raw.requests) == 2


@pytest.mark.parametrize("location", ["http://[::1", "http://elsewhere.test/"])
def test_a_redirect_is_reported_without_reading_its_body(
    serve: Callable[[Script], RawServer], location: str
) -> None:
    def endless(connection: socket.socket, _: bytes) -> None:
        head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        while True:
            connection.sendall(b"x" * 65536)

    raw = serve(endless)
    started = time.monotonic()
    with pytest.raises(errors.NotAWebUI, match="redirects to"):
        Transport(Server.at(raw.url)).post(POST, Deadline.after(20))
    assert time.monotonic() - started < 8


def test_a_proxy_that_asks_for_a_password(
    serve: Callable[[Script], RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    monkeypatch.setenv("HTTP_PROXY", serve(answering(denied)).url)
    with pytest.raises(errors.ProxyFailed, match=r"HTTP_PROXY.*asks for a password"):
        Transport(Server.at("gpu.test")).post(POST, Deadline.after(5))


def test_a_proxy_of_a_kind_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(errors.Unreachable, match=r"The HTTP proxy of the environment"):
        Transport(Server.at("gpu.test")).get("/", deadline=Deadline.after(5), job="x")


def test_a_post_that_may_have_arrived_is_never_sent_again(
    serve: Callable[[Script], RawServer],
) -> None:
    raw = serve(lambda connection, _: connection.close())
    with pytest.raises(errors.AnswerCutOff, match="was not sent again"):
        Transport(Server.at(raw.url)).post(POST, Deadline.after(5))
    assert len(raw.requests) == 1


def test_a_get_is_tried_three_times(serve: Callable[[Script], RawServer]) -> None:
    raw = serve(lambda connection, _: connection.close())
    with pytest.raises(errors.Unreachable, match="closed the connection without an answer"):
        Transport(Server.at(raw.url)).get("/", deadline=Deadline.after(5), job="x")
    assert len(raw.requests) == 3


def test_a_get_is_retried_when_a_proxy_fails_once(serve: Callable[[Script], RawServer]) -> None:
    answers = iter([b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", OK])
    raw = serve(lambda connection, _: connection.sendall(next(answers)))
    assert Transport(Server.at(raw.url)).get("/", deadline=Deadline.after(5), job="x") == {}


def test_a_server_that_restarts_gets_the_post_once_it_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    raws: list[RawServer] = []

    def later() -> None:
        time.sleep(0.4)
        raws.append(RawServer(answering(OK), port=port))

    threading.Thread(target=later, daemon=True).start()
    Transport(Server.at(f"127.0.0.1:{port}")).post(POST, Deadline.after(5))
    assert len(raws[0].requests) == 1
    raws[0].close()


def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Server.at(f"127.0.0.1:{port}")
    with pytest.raises(errors.Unreachable, match=rf"refused.*host\.docker\.internal:{port} or"):
        Transport(server, DIFY).post(POST, Deadline.after(5))
    with pytest.raises(errors.Unreachable) as caught:
        Transport(server).post(POST, Deadline.after(5))
    assert "ocker" not in str(caught.value)


def test_a_name_that_is_not_known() -> None:
    with pytest.raises(errors.Unreachable, match=r"host name 'gpu\.invalid' in base_url was not"):
        Transport(Server.at("gpu.invalid")).post(POST, Deadline.after(5))


@pytest.mark.parametrize(
    ("status", "method", "location", "followed"),
    [
        (307, "POST", "/there", True),
        (308, "GET", "/there", True),
        (301, "GET", "/there", True),
        (302, "POST", "/there", False),
        (307, "GET", "http://127.0.0.2/there", False),
    ],
)
def test_redirects_are_followed_within_the_origin_only(
    serve: Callable[[Script], RawServer], status: int, method: str, location: str, *, followed: bool
) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        if b" /there " in request:
            connection.sendall(OK)
        else:
            head = f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(head.encode())

    raw = serve(script)
    transport = Transport(Server.at(raw.url, api_auth="me:pass"))
    body = {"a": 1} if method == "POST" else None

    def ask() -> None:
        with transport.exchange(Request(method, "/here", "x", body), Deadline.after(5)) as answer:
            assert answer.json() == {}

    if followed:
        ask()
        assert raw.requests[1].startswith(f"{method} /there".encode())
        assert (
            raw.requests[0].partition(b"\r\n\r\n")[2] == raw.requests[1].partition(b"\r\n\r\n")[2]
        )
    else:
        with pytest.raises(errors.NotAWebUI, match="redirects to"):
            ask()
        assert len(raw.requests) == 1


def test_a_circle_of_redirects_ends(serve: Callable[[Script], RawServer]) -> None:
    raw = serve(answering(b"HTTP/1.1 307 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"))
    with pytest.raises(errors.NotAWebUI, match="redirects to"):
        Transport(Server.at(raw.url)).get("/", deadline=Deadline.after(5), job="x")
    assert len(raw.requests) == 4


@pytest.mark.parametrize(
    ("data", "kind", "reported"),
    [
        (b"<!doctype html><html>Login</html>", errors.NotAWebUI, "a web page instead of JSON"),
        (b"Stable Diffusion", errors.NotAWebUI, "text instead of JSON"),
    ],
)
def test_a_response_that_is_not_json(
    serve: Callable[[Script], RawServer], data: bytes, kind: type[Exception], reported: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    raw = serve(answering(head + data))
    with pytest.raises(kind, match=reported):
        Transport(Server.at(raw.url)).get("/", deadline=Deadline.after(5), job="x")


def test_a_response_that_breaks_off(serve: Callable[[Script], RawServer]) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
        connection.shutdown(socket.SHUT_RDWR)

    raw = serve(script)
    with pytest.raises(errors.AnswerCutOff, match="broke off half-way"):
        Transport(Server.at(raw.url)).post(POST, Deadline.after(5))


def test_an_endless_list_is_not_read_to_the_end(
    serve: Callable[[Script], RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _number in range(10_000):
            connection.sendall(b" " * 65536)

    raw = serve(script)
    with pytest.raises(errors.AnswerTooLarge, match="larger than 32 MB"):
        Transport(Server.at(raw.url)).get("/", deadline=Deadline.after(20), job="x")
