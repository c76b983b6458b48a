"""An error is one sentence of ours in each of the places where Dify shows one."""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devkit.host import PluginError, PluginHost
from devkit.simulator import Simulator
from tests.e2e.conftest import PROVIDER, credentials
from tests.e2e.patched import patched
from tests.error_views import views_of
from tests.raw_server import RawServer, Script, answering

MOST_CHARACTERS = 400
BAD, CONNECTION, RATE, UNAVAILABLE = (
    f"Invoke{kind}Error" for kind in ("BadRequest", "Connection", "RateLimit", "ServerUnavailable")
)
AGENT_NODE = "tool invoke error: read tool response failed: request failed: "


@dataclass(frozen=True)
class Case:
    """An error that a tool runs into.

    Attributes:
        kind: Which.
        error_type: Dify's class of it.
        message: All that is said; URL stands for the server's address.
        tool: Which tool is called.
        given: With what, beside a prompt.
        access: Credentials beside the address.
        server: Settings of the simulator; None: nothing listens.
    """

    kind: str
    error_type: str
    message: str
    tool: str = "sd_txt2img"
    given: tuple[tuple[str, Any], ...] = ()
    access: tuple[tuple[str, Any], ...] = ()
    server: tuple[tuple[str, Any], ...] | None = ()


LOST_FILE = {
    "dify_model_identity": "__dify__file__",
    "url": "FILES/files/tools/gone.png?timestamp=1&nonce=2&sign=3",
    "mime_type": "image/png",
    "filename": "holiday.png",
    "extension": ".png",
    "size": 1,
    "type": "image",
}
REFUSED = (
    "Nothing listens at URL (connection refused). Start the WebUI so that other machines reach it "
    "(AUTOMATIC1111 and Forge: --api --listen) and check the port in base_url. Dify runs in "
    "Docker, where localhost is the container itself: use http://host.docker.internal:PORT or the "
    "machine's IP address."
)
LOCKED = (
    'The server at URL refused access (401). It said: "Not authenticated" It asks for '
    "a password: set api_auth to user:password, as in its --api-auth."
)
LIMITED = (
    'The server at URL limits requests (429) and has had too many. It said: "rate limit exceeded" '
    "Wait a minute before the next one, or raise its rate limit."
)
PROXY = (
    "The proxy at URL could not reach the WebUI; it may be restarting or have crashed (502). It "
    'said: "502 Bad Gateway" See whether the WebUI runs, and try again in a minute.'
)
DEFECT = (
    "The plugin itself failed (TypeError), which is a defect of it. Its log says where: please "
    "report that line."
)

CASES = (
    Case("wrong value", BAD, "steps must be at most 150 (got 999).", given=(("steps", 999),)),
    Case(
        "unknown name",
        BAD,
        "The server has no sampler 'Eulr'. Did you mean 'Euler' or 'Euler a'? It has: DPM++ 2M, "
        "DPM++ SDE, DPM++ 2M SDE, DPM++ 2M SDE Heun, DPM++ 2S a, DPM++ 3M SDE, Euler a, Euler, "
        "LMS, Heun, DPM2, DPM2 a and 8 more. sd_list_resources shows all.",
        given=(("sampler", "Eulr"),),
    ),
    Case(
        "missing image",
        BAD,
        "image is missing: hand over an image file. An agent whose tools get no files gives "
        "image_id instead.",
        tool="sd_img2img",
    ),
    Case(
        "unknown key in more_settings",
        BAD,
        "more_settings: 'Clip skipp' is no setting that is known here. Did you mean Clip skip? "
        "Write the names that PNG info shows, or the request's own fields as JSON.",
        given=(("more_settings", "Clip skipp: 2"),),
    ),
    Case(
        "file that cannot be downloaded",
        BAD,
        "holiday.png could not be downloaded: FILES answered 404. Its link has expired or "
        "FILES_URL points to another server. Upload the file again, and check Dify's FILES_URL "
        "and FILES_ACCESS_TIMEOUT.",
        tool="sd_img2img",
        given=(("image", LOST_FILE),),
    ),
    Case("connection refused", CONNECTION, REFUSED, server=None),
    Case("401", UNAVAILABLE, LOCKED, server=(("auth", "me:secret"),)),
    Case("429", RATE, LIMITED, server=(("fault", "rate_limit_429"),)),
    Case(
        "out of memory",
        UNAVAILABLE,
        'The GPU ran out of memory during txt2img. It said: "OutOfMemoryError: CUDA out of '
        "memory. Tried to allocate 4.50 GiB. GPU 0 has a total capacity of 7.79 GiB of which 1.21 "
        'GiB is free. Process 4242 has …" Ask for a smaller size or fewer images, turn the hires '
        "fix off, or start the WebUI with --medvram.",
        server=(("fault", "oom"),),
    ),
    Case(
        "deadline",
        CONNECTION,
        "The time limit of 2 seconds (the timeout credential) passed during txt2img. The server "
        "says the job is unknown to it. See in the WebUI whether the images are there, then try "
        "again.",
        access=(("timeout", "2"),),
        server=(("fault", "hang"),),
    ),
    Case("502 of a proxy", CONNECTION, PROXY, server=(("fault", "proxy_502"),)),
)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def assert_readable(message: str) -> None:
    assert "Traceback" not in message
    assert not re.search(r"\.py\b|/(usr|home|root|work|tmp|app)/|File \"", message)
    assert len(message) <= MOST_CHARACTERS


def assert_shown(error: PluginError, error_type: str, message: str) -> None:
    """Everywhere ours alone, but for the few words that Dify puts around it for models."""
    assert (error.error_type, error.message) == (error_type, message)
    assert_readable(message)
    views = views_of(error, "stable_diffusion")
    assert views.dialog == message
    assert views.node == message
    assert (views.branch_type, views.branch_type_later) == (
        "WorkflowNodeError",
        "ToolRuntimeInvocationError",
    )
    assert views.classic_agent == f"tool invoke error: {message}"
    assert views.agent_node == f"{AGENT_NODE}{message}"
    around = "tool parameters validation error: {}, please check your tool parameters"
    assert views.new_agent == (around if error_type == BAD else "tool invoke error: {}").format(
        message
    )


@pytest.fixture
def lost_files(serve: Callable[[Script], RawServer]) -> str:
    """A file server that has no file."""
    return serve(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")).url


@pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])
def test_what_each_place_shows_of_a_tools_error(
    plugin: PluginHost, simulators: Callable[[str], Simulator], lost_files: str, case: Case
) -> None:
    given = {"prompt": "a cat", "size": "64x64", **dict(case.given)}
    for name, value in given.items():
        if isinstance(value, dict):
            given[name] = {**value, "url": value["url"].replace("FILES", lost_files, 1)}
    server = dict(case.server or {})
    auth = server.pop("auth", None)
    sim = Simulator(auth=auth) if auth else simulators("a1111")
    if server:
        sim.configure(**server)
    access = credentials(sim, **dict(case.access))
    if case.server is None:
        access["base_url"] = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(PluginError) as caught:
        plugin.invoke(PROVIDER, case.tool, access, given, timeout=30)
    if auth:
        sim.close()
    assert_shown(
        caught.value, case.error_type, filled(case.message, access["base_url"], lost_files)
    )


def filled(message: str, url: str, files: str = "") -> str:
    port = url.rpartition(":")[2]
    for word, value in (("FILES", files), ("URL", url), ("PORT", port)):
        # FILES_URL is Dify's own word.
        message = re.sub(rf"\b{word}\b", value, message)
    return message


def http(status: str, body: bytes) -> Script:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return answering(f"{head}\r\n\r\n".encode() + body)


def silent(connection: socket.socket, _: bytes) -> None:
    connection.recv(1)


IN_THE_DIALOG: tuple[tuple[str, Script | None, dict[str, str], str], ...] = (
    (
        "wrong value",
        None,
        {"timeout": "600"},
        "timeout must be a number of seconds from 1 to 590 (got '600'); blank means 540.",
    ),
    (
        "unknown name",
        http("200 OK", b'[{"title": "dream.ckpt [12]", "model_name": "dream"}]'),
        {"model": "drean"},
        "The server has no model 'drean'. Did you mean 'dream'? It has: dream.",
    ),
    ("connection refused", None, {}, REFUSED),
    ("401", http("401 Unauthorized", b'{"detail": "Not authenticated"}'), {}, LOCKED),
    ("429", http("429 Too Many Requests", b'{"detail": "rate limit exceeded"}'), {}, LIMITED),
    (
        "deadline",
        silent,
        {"timeout": "1"},
        "URL did not answer in time (list the models). The WebUI may be starting, hang or "
        "be very busy; look into its console, and check base_url.",
    ),
    ("502 of a proxy", http("502 Bad Gateway", b"<title>502 Bad Gateway</title>"), {}, PROXY),
)


@pytest.mark.parametrize(
    ("script", "given", "message"),
    [row[1:] for row in IN_THE_DIALOG],
    ids=[row[0] for row in IN_THE_DIALOG],
)
def test_what_the_credentials_dialog_shows(
    plugin: PluginHost,
    serve: Callable[[Script], RawServer],
    script: Script | None,
    given: dict[str, str],
    message: str,
) -> None:
    url = serve(script).url if script else f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(PluginError) as caught:
        plugin.validate_credentials(PROVIDER, {"base_url": url, **given})
    assert caught.value.error_type == "CredentialsValidateFailedError"
    views = views_of(caught.value, "stable_diffusion")
    assert views.dialog == filled(message, url)
    assert_readable(views.dialog)


SECRET = "hunter22-hunter22"


@pytest.fixture
def defective(tmp_path: Path) -> Iterator[PluginHost]:
    """A plugin with a defect in a place that tools and the provider come to."""
    with patched(tmp_path, "sdwebui.http.server", "_read_headers = None") as host:
        yield host
        assert host.violations == []


def logged(host: PluginHost) -> str:
    (line,) = [log["message"] for log in host.logs if log["level"] == "ERROR"]
    return str(line)


def test_a_defect_of_the_plugin_is_a_sentence_and_its_place_is_logged(
    defective: PluginHost, sim: Simulator
) -> None:
    access = credentials(sim, api_auth=f"me:{SECRET}")
    with pytest.raises(PluginError) as caught:
        defective.invoke(PROVIDER, "sd_txt2img", access, {"prompt": "a private matter"})
    assert_shown(caught.value, UNAVAILABLE, DEFECT)
    line = logged(defective)
    assert line.startswith("Defect of the plugin: TypeError at ")
    assert re.search(r"sd_txt2img\.py:\d+ work > ", line)
    assert re.search(r"server\.py:\d+ at$", line)
    assert SECRET not in line
    assert "private" not in line


def test_a_defect_in_the_dialog(defective: PluginHost, sim: Simulator) -> None:
    with pytest.raises(PluginError) as caught:
        defective.validate_credentials(PROVIDER, credentials(sim, api_auth=f"me:{SECRET}"))
    assert caught.value.error_type == "CredentialsValidateFailedError"
    assert views_of(caught.value, "stable_diffusion").dialog == DEFECT
    line = logged(defective)
    assert re.search(r"Defect of the plugin: TypeError at .*server\.py:\d+ at$", line)
    assert SECRET not in line
