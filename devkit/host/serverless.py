"""A plugin as Dify Cloud and the marketplace's check run it: a web server instead of pipes."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

from devkit.closing import Closing
from devkit.host.launch import killed_after, launch
from devkit.host.results import PluginDied

BANNER = b"Serving Flask app"
BANNER_SECONDS = 20.0
"""The marketplace's check waits so long for the banner."""


class ServerlessPlugin(Closing):
    """A plugin started with ``INSTALL_METHOD=serverless`` on a free local port.

    Args:
        folder: The plugin's folder, with ``main.py`` and ``manifest.yaml``.
        python: The interpreter that has the plugin's dependencies.

    Attributes:
        url: Where it serves.

    Raises:
        PluginDied: It did not print its banner in time; the text holds what it printed.
    """

    def __init__(self, folder: Path | str, *, python: str = sys.executable) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        env = {
            "INSTALL_METHOD": "serverless",
            "SERVERLESS_HOST": "127.0.0.1",
            "SERVERLESS_PORT": str(port),
        }
        self._process = launch(folder, python, env, stderr=subprocess.STDOUT)
        with killed_after(self._process, BANNER_SECONDS):
            self._wait_for_banner()
        # What comes later is read too, so that the process never waits for a full pipe.
        self._drain = threading.Thread(target=deque, args=(self._process.stdout, 0), daemon=True)
        self._drain.start()

    def _wait_for_banner(self) -> None:
        assert self._process.stdout
        printed: deque[bytes] = deque(maxlen=20)
        for line in self._process.stdout:
            printed.append(line)
            if BANNER in line:
                return
        self._process.wait()
        self._process.stdout.close()
        raise PluginDied(
            f"The plugin did not print {BANNER.decode()!r} within {BANNER_SECONDS:g} s, but:\n"
            + b"".join(printed).decode(errors="replace")
        )

    def close(self) -> None:
        """End the plugin at once, as the runtime does."""
        self._process.kill()
        self._process.wait()
        self._drain.join()
        assert self._process.stdout
        self._process.stdout.close()
