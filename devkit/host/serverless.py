"""A plugin as Dify Cloud and the marketplace's check run it: a web server instead of pipes."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from devkit.closing import Closing
from devkit.host.call import Call
from devkit.host.callers import WorkflowNode
from devkit.host.questions import invocation, request
from devkit.host.results import PluginDied, ToolResult

BANNER = "Serving Flask app"
BANNER_SECONDS = 20.0
"""The marketplace's check waits so long for the banner."""


class ServerlessPlugin(Closing):
    """A plugin started with ``INSTALL_METHOD=serverless`` on a free local port.

    Args:
        folder: The plugin's folder, with ``main.py`` and ``manifest.yaml``.
        python: The interpreter that has the plugin's dependencies.
        env: Environment variables on top of this process's own.
        timeout: Seconds within which it must print "Serving Flask app".

    Attributes:
        url: Where it listens.
        start_seconds: From the start of the process to that banner.

    Raises:
        PluginDied: It did not print it; the text holds what it printed.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        python: str = sys.executable,
        env: Mapping[str, str] | None = None,
        timeout: float = BANNER_SECONDS,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            "INSTALL_METHOD": "serverless",
            "SERVERLESS_HOST": "127.0.0.1",
            "SERVERLESS_PORT": str(port),
            **(env or {}),
        }
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [python, "-m", "main"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        printed = _read_until(self._process, BANNER, began + timeout)
        self.start_seconds = time.perf_counter() - began
        if not printed or BANNER not in printed[-1]:
            self.close()
            raise PluginDied(
                f"The plugin did not print {BANNER!r} within {timeout:g} s, but:\n"
                + "".join(printed[-20:])
            )

    def close(self) -> None:
        """End the plugin at once, as the runtime does."""
        self._process.kill()
        self._process.wait()

    def invoke(
        self,
        provider: str,
        tool: str,
        credentials: Mapping[str, Any],
        parameters: Mapping[str, Any],
        *,
        timeout: float = 60.0,
    ) -> ToolResult:
        """Invoke a tool as a workflow node does and wait for all that it yields.

        Raises:
            PluginError: The tool raised.
            TimeoutError: The answer ended before the invocation did.
            requests.RequestException: The server does not answer, or is silent for ``timeout``
                seconds.
        """
        call = Call(uuid.uuid4().hex)
        requested = invocation(provider, tool, credentials, parameters)
        body = request(call.session_id, requested, WorkflowNode())
        with (
            requests.Session() as session,
            self._post(session, body, timeout) as response,
        ):
            response.raise_for_status()
            for line in response.iter_lines():
                if line:
                    reported = json.loads(line)["data"]
                    call.take(reported["type"], reported["data"])
        return call.wait(0)

    def _post(
        self, session: requests.Session, body: Mapping[str, Any], timeout: float
    ) -> requests.Response:
        # The SDK prints its banner just before it listens.
        session.mount(self.url, HTTPAdapter(max_retries=Retry(connect=6, backoff_factor=0.05)))
        return session.post(f"{self.url}/invoke", json=body, stream=True, timeout=timeout)


def _read_until(process: subprocess.Popen[str], text: str, end: float) -> list[str]:
    """Lines up to the one that holds ``text``, the end of the output or of the time.

    What comes later is read too, so that the process never waits for a full pipe.
    """
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                arrived.put(line)
        arrived.put("")

    threading.Thread(target=read, daemon=True).start()
    lines: list[str] = []
    while (left := end - time.perf_counter()) > 0:
        try:
            line = arrived.get(timeout=left)
        except queue.Empty:
            break
        if not line:
            break
        lines.append(line)
        if text in line:
            break
    return lines
