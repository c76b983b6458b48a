"""Runs a simulator in a process of its own, for tests and the demonstration."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from devkit.closing import Closing

START_SECONDS = 30
ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "devkit.simulator", "--with-parent")
UNPROXIED = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Simulator(Closing):
    """A simulated WebUI; a context manager that ends its process.

    Args:
        family: a1111, a1111-1.6, forge, sdnext, sdcpp or koboldcpp.
        port: Where to listen on 127.0.0.1; 0 picks a free port.
        settings: Any further field of ``devkit.simulator.settings.Settings``.

    Attributes:
        url: The server's base URL, with the sub-path, without a slash at the end.
    """

    def __init__(self, family: str = "a1111", *, port: int = 0, **settings: Any) -> None:
        self.family = family
        given = json.dumps({"family": family, **settings})
        command = [*COMMAND, "--port", str(port), "--settings", given]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(START_SECONDS)
            raise RuntimeError(f"the simulator ended with {self._process.returncode}")
        told = json.loads(line)
        self.url: str = told["url"]
        self._control: str = told["control"]

    def configure(self, **settings: Any) -> None:
        """Change live settings; raise ValueError for those that do not exist."""
        self._ask("configure", settings)

    def reset(self) -> None:
        """Go back to the state right after the start."""
        self._ask("reset")

    def journal(self) -> list[dict[str, Any]]:
        """Return all requests since the start: method, path, headers, body, time, status."""
        return list(self._ask("journal"))

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs since the start: task, kind, prompt, seed, model, state and times."""
        return list(self._ask("jobs"))

    def close(self) -> None:
        """End the process."""
        with self._process:
            self._process.terminate()

    def _ask(self, name: str, body: Any = None) -> Any:
        url, data = f"{self._control}/{name}", json.dumps(body).encode()
        try:
            with UNPROXIED.open(url, data, START_SECONDS) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:
                raise ValueError(json.load(error)["error"]) from None
