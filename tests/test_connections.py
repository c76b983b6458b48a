"""Connections end at the deadline, are shared and kept for a while, and check certificates."""

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest
import trustme

from bridge.servers import webuis
from sdwebui import errors
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server
from sdwebui.http.transport import Request, Transport
from tests.raw_server import RawServer, Script, answering
from tests.test_transport import OK, POST


def trickling(data: bytes, pause: float = 0.05) -> Script:
    """Return a script that sends single bytes."""

    def script(connection: socket.socket, _: bytes) -> None:
        for at in range(len(data)):
            connection.sendall(data[at : at + 1])
            time.sleep(pause)

    return script


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
    assert time.monotonic() - started < 2.5
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
    assert time.monotonic() - started < 2.5


def test_a_handshake_that_does_not_end(serve: Callable[[Script], RawServer]) -> None:
    raw = serve(trickling(b"\x16\x03\x03\x20\x00\x02" + b"\x00" * 999))
    started = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded):
        Transport(Server.at(raw.url.replace("http", "https"))).post(POST, Deadline.after(0.8))
    assert time.monotonic() - started < 2.5


def test_a_proxy_whose_response_does_not_end(
    serve: Callable[[Script], RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", serve(trickling(OK)).url)
    started = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded):
        Transport(Server.at("https://gpu.test")).post(POST, Deadline.after(0.8))
    assert time.monotonic() - started < 2.5


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


def test_nothing_is_sent_once_the_time_is_up(serve: Callable[[Script], RawServer]) -> None:
    raw = serve(answering(OK))
    transport = Transport(Server.at(raw.url))
    transport.get("/", deadline=Deadline.after(5), job="x")
    with pytest.raises(errors.DeadlineExceeded, match="txt2img"):
        transport.post(POST, Deadline.after(-1))
    assert len(raw.requests) == 1
