"""Images that Dify hands over: what can go wrong names the setting to change."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from devkit.host import PluginError, PluginHost
from tests.raw_server import RawServer, Script, answering

PROVIDER = "stable_diffusion"


def refusal(plugin: PluginHost, url: str, **credentials: str) -> str:
    file: dict[str, Any] = {
        "dify_model_identity": "__dify__file__",
        "url": url,
        "mime_type": "image/png",
        "filename": "holiday.png",
        "extension": ".png",
        "size": 1,
        "type": "image",
    }
    access = {"base_url": "http://gpu.invalid", **credentials}
    with pytest.raises(PluginError) as caught:
        plugin.invoke(PROVIDER, "png_info", access, {"image": file})
    assert caught.value.error_type == "FileUnavailable"
    assert "SIGNATURE" not in caught.value.message
    return caught.value.message


def endless(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _number in range(2000):
        connection.sendall(b"x" * 65536)


def dripping(head: bytes) -> Script:
    """A byte every now and then, for ever; each would begin the wait anew."""

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.3)

    return script


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            "answered 404. Its link has expired or FILES_URL points to another server.",
        ),
        (
            answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
            "FILES_ACCESS_TIMEOUT",
        ),
        (
            answering(b"HTTP/1.1 302 Found\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n"),
            "redirects elsewhere (302). Set Dify's FILES_URL to the address that finally answers.",
        ),
        (
            answering(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
            "answered 500. Dify's FILES_URL (or INTERNAL_FILES_URL) must be an address",
        ),
        (endless, "is larger than 100 MB. Use a smaller image"),
        (lambda connection, _: connection.close(), "broke off. Dify's FILES_URL"),
        (
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nxx"),
            "did not answer within",
        ),
        (lambda *_: time.sleep(9), "did not answer within 2 seconds. Dify's FILES_URL"),
        (dripping(b"HTTP/1.1 200 OK\r\n"), "did not answer within 2 seconds"),
        (dripping(b"HTTP/1.1 200 OK\r\n\r\n"), "did not answer within 2 seconds"),
    ],
)
def test_a_download_that_fails(
    plugin: PluginHost, serve: Callable[[Script], RawServer], script: Script, said: str
) -> None:
    url = serve(script).url
    message = refusal(plugin, f"{url}/files/1?sign=SIGNATURE", timeout="2.2")
    assert message.startswith("holiday.png ")
    assert said in message


def test_a_wrong_files_url(plugin: PluginHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    message = refusal(plugin, f"http://127.0.0.1:{port}/files/1?sign=SIGNATURE")
    assert f"nothing answers at http://127.0.0.1:{port}. Dify's FILES_URL" in message
    assert "such as http://api:5001" in message


def test_an_unset_files_url(plugin: PluginHost) -> None:
    message = refusal(plugin, "/files/1?sign=SIGNATURE")
    assert "has no complete address, because FILES_URL is not set in Dify." in message
