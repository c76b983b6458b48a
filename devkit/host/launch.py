"""Starts a plugin's process, and bounds the time in which it may start."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def launch(
    folder: Path | str, python: str, env: Mapping[str, str], **options: Any
) -> subprocess.Popen[bytes]:
    """Start ``main.py`` of a plugin with more environment variables than this process has.

    All else it inherits, so that coverage measures it too.
    """
    return subprocess.Popen(
        [python, "-m", "main"],
        cwd=folder,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        **options,
    )


@contextmanager
def killed_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Kill the process when the block takes longer: then reading its output comes to an end."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
