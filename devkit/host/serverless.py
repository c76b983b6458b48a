"""Starts a plugin the way Dify Cloud and the marketplace's check do."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from devkit.host.results import PluginDied

BANNER = "Serving Flask app"
BANNER_SECONDS = 20.0
"""The marketplace's check waits so long for the banner."""


def serverless_banner(
    folder: Path | str,
    *,
    python: str = sys.executable,
    env: Mapping[str, str] | None = None,
    timeout: float = BANNER_SECONDS,
) -> float:
    """Start a plugin with ``INSTALL_METHOD=serverless`` on a free local port, and end it again.

    Returns:
        Seconds until it printed "Serving Flask app".

    Raises:
        PluginDied: It did not within ``timeout`` seconds; the text holds what it printed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "INSTALL_METHOD": "serverless",
        "SERVERLESS_HOST": "127.0.0.1",
        "SERVERLESS_PORT": str(port),
        **(env or {}),
    }
    began = time.perf_counter()
    with subprocess.Popen(
        [python, "-m", "main"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            printed = _read_until(process, BANNER, began + timeout)
        finally:
            process.kill()
    if not printed or BANNER not in printed[-1]:
        raise PluginDied(
            f"The plugin did not print {BANNER!r} within {timeout:g} s, but:\n"
            + "".join(printed[-20:])
        )
    return time.perf_counter() - began


def _read_until(process: subprocess.Popen[str], text: str, end: float) -> list[str]:
    """Lines up to the one that holds ``text``, the end of the output or of the time."""
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout
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
