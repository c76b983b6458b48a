"""Files on their way in and out: what can go wrong names the setting to change.

Images come from Dify's own file server or by somebody's link; those that are made must fit into
what Dify takes.
"""

import io
import re
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from devkit.host import PluginError, PluginHost, ToolResult
from devkit.simulator import Simulator
from sdwebui.images.metadata import parameters_of
from tests.raw_server import RawServer, Script, answering

PROVIDER = "stable_diffusion"
DIFYS = "/files/tools/1.png?sign=SIGNATURE"
STRANGERS = "/holiday.png?token=SIGNATURE"
DIFYS_ADVICE = (
    "Dify's FILES_URL (or INTERNAL_FILES_URL) must be an address that the plugin's container can "
    "reach, such as http://api:5001."
)
LINK_ADVICE = "Give a link that opens the image itself, without a login, or upload the image."

Serve = Callable[[Script], RawServer]


def read(plugin: PluginHost, url: str, **credentials: str) -> ToolResult:
    """What sd_png_info says of the image at an address."""
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
    return plugin.invoke(PROVIDER, "sd_png_info", access, {"image": file})


def refusal(plugin: PluginHost, url: str, **credentials: str) -> str:
    with pytest.raises(PluginError) as caught:
        read(plugin, url, **credentials)
    assert caught.value.error_type == "InvokeBadRequestError"
    assert "SIGNATURE" not in caught.value.message
    return caught.value.message


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def image() -> bytes:
    target, info = io.BytesIO(), PngInfo()
    info.add_text("parameters", "a cat\nSteps: 3, Sampler: Euler, Seed: 7, Size: 8x8")
    Image.new("RGB", (8, 8)).save(target, "PNG", pnginfo=info)
    return target.getvalue()


FOUND = http("200 OK", image())


def redirecting(to: Callable[[int], str], times: int) -> Script:
    """So many redirects, then the image; ``to`` makes the address of the next."""

    def script(connection: socket.socket, request: bytes) -> None:
        number = int((re.search(rb"hop=(\d+)", request) or [b"", b"0"])[1])
        if number < times:
            connection.sendall(http("302 Found", b"", f"Location: {to(number + 1)}"))
        else:
            connection.sendall(FOUND)

    return script


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
    ("script", "reported"),
    [
        (
            answering(http("500 Oops")),
            "answered 500. Look into the log of Dify's API, then try again.",
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
    plugin: PluginHost, serve: Serve, script: Script, reported: str
) -> None:
    url = serve(script).url
    message = refusal(plugin, f"{url}{DIFYS}", timeout="2.2")
    assert message.startswith("holiday.png ")
    assert reported in message


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found"])
def test_what_difys_own_server_refuses(plugin: PluginHost, serve: Serve, status: str) -> None:
    url = serve(answering(http(status))).url
    assert refusal(plugin, f"{url}{DIFYS}") == (
        f"holiday.png could not be downloaded: {url} answered {status[:3]}. Its link has expired "
        "or FILES_URL points to another server. Upload the file again, and check Dify's FILES_URL "
        "and FILES_ACCESS_TIMEOUT."
    )


@pytest.mark.parametrize(
    ("status", "reported"),
    [
        ("401 Unauthorized", "wants a login (401)"),
        ("403 Forbidden", "forbids it (403)"),
        ("404 Not Found", "has no such file (404)"),
        ("429 Too Many Requests", "gets too many requests (429)"),
        ("500 Oops", "answered 500"),
    ],
)
def test_what_a_stranger_refuses_is_told_as_what_it_is(
    plugin: PluginHost, serve: Serve, status: str, reported: str
) -> None:
    url = serve(answering(http(status))).url
    assert refusal(plugin, f"{url}{STRANGERS}") == (
        f"holiday.png could not be downloaded: {url} {reported}. {LINK_ADVICE}"
    )


@pytest.mark.parametrize("path", [DIFYS, STRANGERS])
def test_an_untrusted_certificate(plugin: PluginHost, path: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    raw = RawServer(answering(FOUND), context)
    url = raw.url.replace("http:", "https:")
    message = refusal(plugin, f"{url}{path}")
    raw.close()
    assert f"the TLS certificate of {url} is not trusted" in message
    cure = "Set Dify's INTERNAL_FILES_URL to its address inside Docker, such as http://api:5001."
    assert message.endswith(cure if path == DIFYS else LINK_ADVICE)


@pytest.mark.parametrize("blanks", ["{}", "  {}", "{}\n", " \t{} "])
def test_blanks_around_an_address_are_cut(plugin: PluginHost, serve: Serve, blanks: str) -> None:
    url = serve(answering(FOUND)).url
    assert read(plugin, blanks.format(f"{url}{STRANGERS}")).variables["seed"] == 7


@pytest.mark.parametrize("target", ["{}/a.png?hop={}", "/a.png?hop={1}", "a.png?hop={1}"])
def test_five_redirects_are_followed(plugin: PluginHost, serve: Serve, target: str) -> None:
    url = ""
    raw = serve(redirecting(lambda number: target.format(url, number), 5))
    url = raw.url
    assert read(plugin, f"{url}{STRANGERS}").variables["seed"] == 7
    assert len(raw.requests) == 6


def test_a_redirect_may_lead_to_another_host(plugin: PluginHost, serve: Serve) -> None:
    there = serve(answering(FOUND))
    here = serve(answering(http("307 Moved", b"", f"Location: {there.url}/a.png")))
    assert read(plugin, f"{here.url}{STRANGERS}").variables["seed"] == 7


@pytest.mark.parametrize(("path", "advice"), [(DIFYS, DIFYS_ADVICE), (STRANGERS, LINK_ADVICE)])
def test_a_sixth_redirect_is_not(plugin: PluginHost, serve: Serve, path: str, advice: str) -> None:
    raw = serve(redirecting(lambda number: f"/a.png?hop={number}", 6))
    assert refusal(plugin, f"{raw.url}{path}") == (
        f"holiday.png could not be downloaded: {raw.url} redirects more than 5 times. {advice}"
    )
    assert len(raw.requests) == 6


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/a.png", "file:///etc/passwd", "data:,a"])
def test_a_redirect_leads_to_http_only(plugin: PluginHost, serve: Serve, target: str) -> None:
    url = serve(answering(http("302 Found", b"", f"Location: {target}"))).url
    assert refusal(plugin, f"{url}{STRANGERS}") == (
        f"holiday.png could not be downloaded: {url} redirects to what is no http address. "
        f"{LINK_ADVICE}"
    )


def test_where_a_redirect_leads_is_named(plugin: PluginHost, serve: Serve) -> None:
    there = serve(answering(http("404 Not Found")))
    here = serve(answering(http("302 Found", b"", f"Location: {there.url}/a.png?k=SIGNATURE")))
    message = refusal(plugin, f"{here.url}{STRANGERS}")
    assert f"{there.url} has no such file (404)" in message


@pytest.mark.parametrize("url", ["ftp://files/a.png", "http://[/a.png", "http://a..b/a.png"])
def test_what_is_no_address(plugin: PluginHost, url: str) -> None:
    message = refusal(plugin, url)
    assert message.startswith("holiday.png could not be downloaded: ")
    assert "http:// or https://" in message or message.endswith(f"is no address. {LINK_ADVICE}")


def test_a_wrong_files_url(plugin: PluginHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    message = refusal(plugin, f"http://127.0.0.1:{port}{DIFYS}")
    assert f"nothing answers at http://127.0.0.1:{port}. Dify's FILES_URL" in message
    assert "such as http://api:5001" in message


def test_an_unset_files_url(plugin: PluginHost) -> None:
    message = refusal(plugin, "/files/1?sign=SIGNATURE")
    assert "has no complete address, because FILES_URL is not set in Dify." in message


def noisy(plugin: PluginHost, **requested: Any) -> ToolResult:
    """An image of 4096² pixels of which most is noise: 48 MB as PNG."""
    with Simulator(png_bytes=3_000_000) as sim:
        given = {"prompt": "a cat", "size": "4096x4096", "steps": 1, "seed": 7, **requested}
        return plugin.invoke(PROVIDER, "sd_txt2img", {"base_url": sim.url}, given)


def test_an_image_too_large_for_dify_becomes_a_jpeg_that_fits(plugin: PluginHost) -> None:
    result = noisy(plugin)
    (file,) = result.files
    assert (file.filename, file.mime_type) == ("txt2img-7.jpg", "image/jpeg")
    assert file.size == len(file.data) <= 30 * 2**20
    made = Image.open(io.BytesIO(file.data))
    assert made.format == "JPEG"
    (warning,) = result.variables["warnings"]
    reported = re.fullmatch(
        r"txt2img-7: A png of (\d+) MB is more than Dify's 30 MB a file; it became a JPEG"
        r"(?: of quality \d+)?(?: and (\d+)×(\d+) pixels)?\.",
        warning,
    )
    assert reported
    assert 40 < int(reported[1]) < 60
    assert made.size == (int(reported[2] or 4096), int(reported[3] or 4096))
    assert warning in result.text
    # What it was made with is kept.
    assert "Seed: 7" in (parameters_of(file.data) or "")
    assert result.jsons[0]["images"][0]["bytes"] == file.size


def test_what_fits_stays_as_it_is(plugin: PluginHost) -> None:
    result = noisy(plugin, size="2048x2048")
    assert [(file.filename, file.size > 8 * 2**20) for file in result.files] == [
        ("txt2img-7.png", True)
    ]
    assert result.variables["warnings"] == []
