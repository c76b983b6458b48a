"""The clients of this process, one for each WebUI, and what they have to know about Dify."""

import threading
from collections import OrderedDict

from bridge.offload import run_in_thread
from sdwebui.application import Application
from sdwebui.client import WebUI
from sdwebui.http.server import Server

DEFAULT_SECONDS = 540.0
"""The time limit of a call if the credential ``timeout`` is blank."""

MOST_SECONDS = 590.0
"""The longest time limit of a call: Dify ends a tool after 600 without a useful message."""

MOST_FILE_BYTES = 30 * 2**20
"""The largest file that Dify accepts (PLUGIN_MAX_FILE_SIZE); newer versions accept 50 MB."""

KEPT_SERVERS = 32
"""Servers whose client is kept; the least recently used is closed first."""

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
    """Clients, one for each server, made when they are first needed."""

    def __init__(self) -> None:
        self._clients: OrderedDict[Server, WebUI] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, server: Server) -> WebUI:
        """Return the client of a server, and close the least recently used one if needed.

        Running calls of a closed client continue.
        """
        with self._lock:
            if server not in self._clients:
                self._clients[server] = WebUI(server, application=DIFY)
            self._clients.move_to_end(server)
            while len(self._clients) > KEPT_SERVERS:
                self._clients.popitem(last=False)[1].close()
            return self._clients[server]


webuis = WebUIs()
"""The clients of this process; Dify runs one process for all invocations."""
