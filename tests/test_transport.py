"""HTTP within a deadline, over one pool, with no job sent twice and no secret shown."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from bridge.servers import DIFY, webuis
from sdwebui import errors
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server
from sdwebui.http.transport import Request, Transport
from tests.raw_server import RawServer, Script, answering

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def trickling(data: bytes, pause: float = 0.05) -> Script:
    def script(connection: socket.socket, _: bytes) -> None:
        for at in range(len(data)):
            connection.sendall(data[at : at + 1])
            time.sleep(pause)

    return script


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


def test_no_netrc_and_no_cookie_travels(
    serve: Callable[[Script], RawServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    raw = serve(answering(OK.replace(b"Content-Type", b"Set-Cookie: a=b\r\nContent-Type")))
    transport = Transport(Server.at(raw.url))
    for _ in range(2):
        transport.get("/", deadline=Deadline.after(5), job="x")
    for request in raw.requests:
        assert b"Authorization" not in request
        assert b"Cookie" not in request


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


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda *_: time.sleep(30), id="silent"),
        pytest.param(trickling(OK), id="trickling headers"),
        pytest.param(
            trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b" " * 9999),
            id="trickling body",
        ),
        pytest.param(
            trickling(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * 9999),
            id="trickling body without a length",
        ),
    ],
)
def test_a_deadline_holds_whatever_the_server_does(
    serve: Callable[[Script], RawServer], script: Script
) -> None:
    raw = serve(script)
    started = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded, match=r"did not answer in time \(txt2img\)"):
        Transport(Server.at(raw.url)).post(POST, Deadline.after(0.8))
    assert time.monotonic() - started < 1.3
    assert len(raw.requests) == 1


@pytest.mark.parametrize("seconds", [0.8, 30.0])
def test_a_failure_is_reported_although_its_body_does_not_end(
    serve: Callable[[Script], RawServer], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("sdwebui.http.transport.ERROR_SECONDS", 0.8)
    body = trickling(b" " * 9999)

    def script(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 9999\r\n\r\n")
        body(connection, request)

    raw = serve(script)
    started = time.monotonic()
    with pytest.raises(errors.AccessDenied, match="set api_auth"):
        Transport(Server.at(raw.url)).post(POST, Deadline.after(seconds))
    assert time.monotonic() - started < 1.3


def test_a_handshake_that_does_not_end(serve: Callable[[Script], RawServer]) -> None:
    raw = serve(trickling(b"\x16\x03\x03\x20\x00\x02" + b"\x00" * 999))
    started = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded):
        Transport(Server.at(raw.url.replace("http", "https"))).post(POST, Deadline.after(0.8))
    assert time.monotonic() - started < 1.3


def test_a_proxy_whose_greeting_does_not_end(
    serve: Callable[[Script], RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", serve(trickling(OK)).url)
    started = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded):
        Transport(Server.at("https://gpu.test")).post(POST, Deadline.after(0.8))
    assert time.monotonic() - started < 1.3


def test_a_name_that_takes_too_long_to_be_found(
    serve: Callable[[Script], RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = serve(answering(OK))
    getaddrinfo = socket.getaddrinfo

    def slow(*args: Any, **options: Any) -> Any:
        time.sleep(0.5)
        return getaddrinfo(*args, **options)

    monkeypatch.setattr("socket.getaddrinfo", slow)
    with pytest.raises(errors.DeadlineExceeded):
        Transport(Server.at(raw.url)).post(POST, Deadline.after(0.3))
    assert raw.requests == []


def test_sending_may_take_longer_than_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdwebui.http.transport.CONNECT_SECONDS", 0.2)

    class Slow(RawServer):
        def _read(self, connection: socket.socket) -> bytes:
            time.sleep(0.8)
            return super()._read(connection)

    raw = Slow(answering(OK))
    body = {"image": "x" * 24_000_000}
    transport = Transport(Server.at(raw.url))
    for _ in range(2):
        request = Request("POST", "/sdapi/v1/img2img", "img2img", body)
        assert transport.post(request, Deadline.after(20)) == {}
    assert [len(request) > 24_000_000 for request in raw.requests] == [True, True]
    raw.close()


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
    assert time.monotonic() - started < 2


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


def test_connections_are_kept_and_shared(serve: Callable[[Script], RawServer]) -> None:
    raw = serve(answering(OK))
    for address in (raw.url, f"{raw.url}/") * 3:
        webui = webuis.get(Server.at(address))
        webui.call(5).transport.get("/", deadline=Deadline.after(5), job="x")
    assert raw.connections == 1


def test_an_old_idle_connection_is_not_trusted(
    serve: Callable[[Script], RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = serve(answering(OK))
    transport = Transport(Server.at(raw.url))
    transport.post(POST, Deadline.after(5))
    monkeypatch.setattr("sdwebui.http.connections.IDLE_SECONDS", 0.0)
    time.sleep(0.01)
    transport.post(POST, Deadline.after(5))
    assert raw.connections == 2


def test_a_connection_that_the_server_closed_is_noticed(
    serve: Callable[[Script], RawServer],
) -> None:
    def once(connection: socket.socket, _: bytes) -> None:
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)

    raw = serve(once)
    transport = Transport(Server.at(raw.url))
    for _ in range(3):
        transport.post(POST, Deadline.after(5))
        time.sleep(0.05)
    assert len(raw.requests) == 3


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


def test_nobody_listens() -> None:
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


def test_a_bad_certificate_authority_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="ca_certificate cannot be read"):
        Transport(
            Server.at(
                "https://gpu",
                ca_certificate="-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----",
            )
        )


def test_tls_where_there_is_none(serve: Callable[[Script], RawServer]) -> None:
    raw = serve(answering(OK))
    url = raw.url.replace("http://", "https://")
    with pytest.raises(errors.Unreachable, match=r"does not speak TLS.*Set base_url to http://"):
        Transport(Server.at(url)).get("/", deadline=Deadline.after(5), job="x")


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
def test_what_is_no_json(
    serve: Callable[[Script], RawServer], data: bytes, kind: type[Exception], reported: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    raw = serve(answering(head + data))
    with pytest.raises(kind, match=reported):
        Transport(Server.at(raw.url)).get("/", deadline=Deadline.after(5), job="x")


def test_an_answer_that_breaks_off(serve: Callable[[Script], RawServer]) -> None:
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


def test_a_deadline_does_not_end_another_exchange(
    serve: Callable[[Script], RawServer],
) -> None:
    """Check that a connection is left alone once it serves another exchange."""

    def script(connection: socket.socket, request: bytes) -> None:
        if b" /slow " in request:
            time.sleep(0.6)
        connection.sendall(OK)

    raw = serve(script)
    transport = Transport(Server.at(raw.url))
    with transport.exchange(Request("GET", "/", "x"), Deadline.after(0.3)) as answer:
        answer.read()
        # The connection is back in the pool, the first exchange still open.
        assert transport.get("/slow", deadline=Deadline.after(5), job="y") == {}
    assert raw.connections == 1


def test_own_certificate_authority() -> None:
    """Check that a private certificate is accepted with its authority, or unchecked."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    raw = RawServer(answering(OK), context)
    url = raw.url.replace("http://", "https://")

    def ask(server: Server) -> object:
        return Transport(server).get("/", deadline=Deadline.after(5), job="x")

    with pytest.raises(errors.Unreachable, match=r"local issuer certificate.*ca_certificate"):
        ask(Server.at(url))
    assert ask(Server.at(url, tls_verify=False)) == {}
    pem = authority.cert_pem.bytes().decode().replace("\n", " ")
    assert ask(Server.at(url, ca_certificate=pem)) == {}
    assert ask(Server.at(url, ca_certificate=pem, tls_verify=False)) == {}
    for broken in (pem.replace("MII", "MäI"), pem[:60] + pem[-30:]):
        with pytest.raises(errors.InvalidInput, match="ca_certificate cannot be read"):
            Transport(Server.at(url, ca_certificate=broken))
    raw.close()
