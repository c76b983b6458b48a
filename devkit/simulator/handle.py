"""Runs a simulator in a process of its own, for tests and the demonstration."""

import json
import subprocess
import sys
from pathlib import Path
from threading import Lock
from typing import Any

from devkit.closing import Closing

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "devkit.simulator", "--controlled")


class Simulator(Closing):
    """A simulated WebUI; a context manager that ends its process.

    Args:
        family: a1111, a1111-1.6, forge, sdnext, sdcpp or koboldcpp.
        settings: Any further field of ``devkit.simulator.settings.Settings``.

    Attributes:
        url: The server's base URL, without a slash at the end.
    """

    def __init__(self, family: str = "a1111", **settings: Any) -> None:
        self.family = family
        command = [*COMMAND, "--family", family, "--port", "0", "--settings", json.dumps(settings)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        self._turn = Lock()
        self.url: str = self._next_line()

    def configure(self, **settings: Any) -> None:
        """Change live settings; raise ValueError for those that do not exist."""
        self._command("configure", settings)

    def reset(self) -> None:
        """Go back to the state right after the start."""
        self._command("reset")

    def journal(self) -> list[dict[str, Any]]:
        """Return all requests since the start: method, path, headers, body and status."""
        return list(self._command("journal"))

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs since the start: task, prompt, steps, state, when it began and ended."""
        return list(self._command("jobs"))

    def close(self) -> None:
        """End the process."""
        with self._process:
            self._process.terminate()

    def _command(self, name: str, changes: dict[str, Any] | None = None) -> Any:
        with self._turn:
            print(json.dumps([name, changes]), file=self._process.stdin, flush=True)
            reply = self._next_line()
        if "error" in reply:
            raise ValueError(reply["error"])
        return reply["value"]

    def _next_line(self) -> Any:
        """Return the JSON that the process prints next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the simulator ended with {self._process.wait()}")
        return json.loads(line)
