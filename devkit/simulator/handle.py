"""Runs a simulator in a process of its own, for tests and the demonstration."""

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from devkit.closing import Closing

START_SECONDS = 30
ROOT = Path(__file__).parents[2]


class Simulator(Closing):
    """A simulated WebUI; a context manager that ends its process.

    Args:
        family: a1111, a1111-1.6, forge, sdnext, sdcpp or koboldcpp.
        port: where to listen on 127.0.0.1; 0 picks a free port.
        settings: any further field of ``devkit.simulator.settings.Settings``.

    Example:
        >>> with Simulator(family="forge", auth="user:pass") as sim:
        ...     requests.get(sim.url + "/sdapi/v1/sd-models", auth=("user", "pass"))
    """

    def __init__(self, family: str = "a1111", *, port: int = 0, **settings: Any) -> None:
        """Start the process and wait until it listens. Raises RuntimeError when it does not."""
        self.family = family
        given = json.dumps({"family": family, **settings})
        command = [sys.executable, "-m", "devkit.simulator", "--port", str(port), "--with-parent"]
        self._process = subprocess.Popen(
            [*command, "--settings", given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(START_SECONDS)
            raise RuntimeError(f"the simulator ended with {self._process.returncode}")
        told = json.loads(line)
        self.url: str = told["url"]
        """The server's base URL, with the sub-path, without a slash at the end."""
        self._control: str = told["control"].removeprefix("http://")

    def configure(self, **settings: Any) -> None:
        """Change live settings. Raises ValueError for those that do not exist."""
        self._command("configure", settings)

    def reset(self) -> None:
        """Back to the state right after the start."""
        self._command("reset", {})

    def journal(self) -> list[dict[str, Any]]:
        """All requests since the start: method, path, query, headers, body, time, status."""
        entries: list[dict[str, Any]] = self._command("journal")
        return entries

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs since the start: task, kind, prompt, seed, model, state and times."""
        jobs: list[dict[str, Any]] = self._command("jobs")
        return jobs

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _command(self, name: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self._control, timeout=START_SECONDS)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("GET" if data is None else "POST", f"/_sim/{name}", data, headers)
            answer = connection.getresponse()
            value = json.load(answer)
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(value["error"])
        return value
