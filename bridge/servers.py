"""The WebUIs that this process talks with, each with one client for all calls to it.

What Dify allows and how its users read messages is written here, for the client that knows neither.
"""

import threading
from collections import OrderedDict

from bridge.offload import run_in_thread
from sdwebui.application import Application
from sdwebui.client import WebUI
from sdwebui.http.server import Server

DEFAULT_SECONDS = 540.0
"""For one call, where the credential ``timeout`` is blank."""

MOST_SECONDS = 590.0
"""For one call: Dify ends a tool after 600 with no message worth reading."""

MOST_FILE_BYTES = 30 * 2**20
"""What Dify takes of a file (PLUGIN_MAX_FILE_SIZE); newer versions take 50 MB."""

KEPT_SERVERS = 32
"""Servers whose client is kept; the least recently used goes first."""

DIFY = Application(
    name="Dify",
    user_agent="stable-diffusion-webui-for-dify",
    job_prefix="dify-",
    most_file_bytes=MOST_FILE_BYTES,
    loopback_hint=(
        " Dify runs in Docker, where localhost is the container itself: use "
        "http://host.docker.internal{port} or the machine's IP address."
    ),
    unknown_host_hint=": names of your own network are often unknown in Docker",
    time_limit_hint=" (the timeout credential)",
    longer=f"raise timeout (at most {MOST_SECONDS:g})",
    run=run_in_thread,
)


class WebUIs:
    """One client for each server, made when it is first asked for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Server, WebUI] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, server: Server) -> WebUI:
        """Return the client of a server; calls of one that is dropped go on."""
        with self._lock:
            if server not in self._kept:
                self._kept[server] = WebUI(server, application=DIFY)
            self._kept.move_to_end(server)
            while len(self._kept) > KEPT_SERVERS:
                self._kept.popitem(last=False)[1].close()
            return self._kept[server]


webuis = WebUIs()
"""Of this process, as Dify has one for all."""
