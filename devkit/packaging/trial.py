"""Installs a package as Dify's daemon does, starts it both ways and makes a picture with it."""

from __future__ import annotations

import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, Rule, failed, warning
from devkit.packaging.lock import uv

INSTALL_SECONDS = 600
# The marketplace gives a serverless start this long.
SERVERLESS_SECONDS = 20
SERVERLESS_LINE = "Serving Flask app"


def run(package: Package) -> Iterator[tuple[Rule, list[Finding]]]:
    """Install, start and use the package in its folder; stop at the first step that fails."""
    for name, source, step in STEPS:
        rule = Rule(name, source, step)
        try:
            findings = list(step(package))
        except Exception as error:  # noqa: BLE001  whatever breaks here is the step's failure
            findings = [failed(f"{type(error).__name__}: {error}")]
        yield rule, findings
        if any(found.status == failed("").status for found in findings):
            return


def python_of(root: Path) -> Path:
    """The interpreter that ``uv sync`` put into the package's folder."""
    windows = root / ".venv" / "Scripts" / "python.exe"
    return windows if sys.platform == "win32" else root / ".venv" / "bin" / "python"


def install(package: Package) -> Iterator[Finding]:
    """``uv sync --no-dev --frozen`` in the folder, with Python 3.12 as in the daemon's image."""
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    python = sys.executable if sys.version_info[:2] == (3, 12) else shutil.which("python3.12")
    if not python:
        python = sys.executable
        yield warning(f"no Python 3.12 here; installed with {sys.version.split()[0]}")
    done = subprocess.run(
        [uv(), "sync", "--quiet", "--no-dev", "--frozen", "--python", python],
        cwd=package.root,
        env=env,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        yield failed(f"uv sync failed: {done.stderr.strip()[-1000:]}")


def serve(package: Package) -> Iterator[Finding]:
    """With INSTALL_METHOD=serverless it says so within 20 s and answers HTTP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ,
        "INSTALL_METHOD": "serverless",
        "SERVERLESS_HOST": "127.0.0.1",
        "SERVERLESS_PORT": str(port),
    }
    process = subprocess.Popen(
        [python_of(package.root), "-m", "main"],
        cwd=package.root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = _wait_for(process, SERVERLESS_LINE)
        if not any(SERVERLESS_LINE in line for line in lines):
            tail = "".join(lines[-20:])
            yield failed(f"no {SERVERLESS_LINE!r} within {SERVERLESS_SECONDS} s:\n{tail}")
        elif not _answers(port):
            yield failed("it says that it serves, but does not answer HTTP")
    finally:
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[str], text: str) -> list[str]:
    """Output lines until one holds ``text``, the process ends or 20 s are over."""
    arrived: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            arrived.put(line)
        arrived.put(None)

    threading.Thread(target=read, daemon=True).start()
    lines: list[str] = []
    end = time.monotonic() + SERVERLESS_SECONDS
    with suppress(queue.Empty):
        while (line := arrived.get(timeout=max(0.0, end - time.monotonic()))) is not None:
            lines.append(line)
            if text in line:
                break
    return lines


def _answers(port: int) -> bool:
    """Whether anything, a 404 included, answers on the port within three seconds."""
    for _ in range(30):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=3).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


Step = tuple[str, str, Callable[[Package], Iterator[Finding]]]
STEPS: list[Step] = [
    ("trial-install", "daemon: uv sync --no-dev --frozen", install),
    ("trial-serverless", "marketplace: plugin install test", serve),
]
