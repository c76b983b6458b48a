"""Runs a plugin's process and speaks the daemon's protocol with it: JSON lines over pipes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from devkit.closing import Closing
from devkit.files import FileServer
from devkit.host.call import Call
from devkit.host.callers import Caller, WorkflowNode
from devkit.host.launch import killed_after, launch
from devkit.host.results import PluginDied, PluginError, ToolResult

START_SECONDS = VALIDATION_SECONDS = 60.0
STOP_SECONDS = 10.0
INVOCATION_SECONDS = 600.0
"""Dify's daemon waits so long."""

READ_BYTES = 2**18
"""Read at once at most. A line is some 11 KB; Python's usual 8 KB would take two reads for each."""

LONGEST_LINE = 5 * 2**20
"""Bytes; the daemon kills a plugin that writes a longer line."""

WORKFLOW_NODE = WorkflowNode()


class PluginHost(Closing):
    """A plugin at work. Used as a context manager it starts and stops the process.

    Args:
        folder: The plugin's folder, with ``main.py`` and ``manifest.yaml``.
        python: The interpreter that has the plugin's dependencies.
        env: Environment variables on top of this process's own.
        keep_data: Whether the bytes of files are kept, or counted only (for benchmarks).

    Attributes:
        manifest: The plugin's first line.
        start_seconds: From the start of the process to that line.
        heartbeats: When the heartbeats came, by ``time.monotonic()``.
        logs: Log events outside any session, as the daemon would write them to its own log.
        violations: Everything on stdout that is not the protocol. Should be empty.
        files: Where the plugin uploads files, and where those of a new agent lie.
        process: The plugin's process, for its memory, CPU time and open files.

    Raises:
        PluginDied: The process ended, or had to be killed, before a first line with a manifest.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        python: str = sys.executable,
        env: Mapping[str, str] | None = None,
        keep_data: bool = True,
    ) -> None:
        self.heartbeats: list[float] = []
        self.logs: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self._folder = Path(folder)
        self._keep_data = keep_data
        self._stderr: deque[bytes] = deque(maxlen=2000)
        self._calls: dict[str, Call] = {}
        self._lock = threading.Lock()
        self._dead = False
        began = time.perf_counter()
        env = {"INSTALL_METHOD": "local", **(env or {})}
        pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = launch(folder, python, env, bufsize=READ_BYTES, **pipes)
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.process = psutil.Process(self._process.pid)
        self.files = FileServer()
        self._readers = [
            threading.Thread(target=self._stderr.extend, args=[self._process.stderr], daemon=True),
            threading.Thread(target=self._read_stdout, daemon=True),
        ]
        self._readers[0].start()
        with killed_after(self._process, START_SECONDS):
            line = self._stdout.readline()
        self.start_seconds = time.perf_counter() - began
        self._readers[1].start()
        try:
            self.manifest: dict[str, Any] = json.loads(line)
        except ValueError:
            problem = f"The plugin's first line is no manifest but {line[:200]!r}."
            death = PluginDied(problem) if line else self._obituary()
            self.close()
            raise death from None

    @property
    def stderr(self) -> str:
        """The last 2,000 lines that the plugin wrote to stderr."""
        return b"".join(self._stderr).decode(errors="replace")

    def validate_credentials(self, provider: str, credentials: Mapping[str, Any]) -> None:
        """Check credentials, as Dify's form does when it is saved; PluginError has the reason."""
        data = {"provider": provider, "credentials": dict(credentials)}
        call = self._send(Caller().request("validate_tool_credentials", **data))
        call.wait(VALIDATION_SECONDS)
        if not any(message.get("result") is True for message in call.messages):
            raise PluginError("", f"no result, but {call.messages}")

    def start(
        self,
        provider: str,
        tool: str,
        credentials: Mapping[str, Any],
        parameters: Mapping[str, Any],
        *,
        caller: Caller = WORKFLOW_NODE,
        settings: Mapping[str, Any] | None = None,
    ) -> Call:
        """Begin an invocation and return at once.

        Args:
            provider: Name of the tool's provider.
            tool: Its name.
            credentials: What the credentials form holds.
            parameters: What the caller's model gives, or what is mapped in a node.
            caller: Who calls.
            settings: What the app's builder has set.

        Raises:
            NotCalled: The caller would not call the tool.
        """
        form = self._folder / "tools" / f"{tool}.yaml"
        arguments = caller.arguments(form, parameters, settings or {}, self.files)
        return self._send(caller.invocation(provider, tool, credentials, arguments))

    def invoke(
        self,
        provider: str,
        tool: str,
        credentials: Mapping[str, Any],
        parameters: Mapping[str, Any],
        *,
        caller: Caller = WORKFLOW_NODE,
        settings: Mapping[str, Any] | None = None,
        timeout: float | None = INVOCATION_SECONDS,
    ) -> ToolResult:
        """Invoke a tool and wait for all that it yields: ``start`` and ``Call.wait`` in one."""
        call = self.start(provider, tool, credentials, parameters, caller=caller, settings=settings)
        return call.wait(timeout)

    def close(self) -> None:
        """End the plugin: SIGTERM, and after 10 seconds SIGKILL."""
        self._process.terminate()
        with killed_after(self._process, STOP_SECONDS):
            self._process.wait()
        for thread in self._readers:
            thread.join(STOP_SECONDS)
        # Not before the process has ended: the SDK spins when its stdin is closed.
        for pipe in (self._stdin, self._stdout, self._process.stderr):
            assert pipe
            pipe.close()
        self.files.close()

    def _send(self, request: Mapping[str, Any]) -> Call:
        call = Call(keep_data=self._keep_data)
        with self._lock:
            if self._dead:
                raise self._obituary()
            self._calls[call.session_id] = call
            try:
                self._write(call.session_id, request)
            except OSError:
                raise self._obituary() from None
        return call

    def _write(self, session_id: str, event: Mapping[str, Any]) -> None:
        self._stdin.write(json.dumps({"session_id": session_id, **event}).encode() + b"\n")
        self._stdin.flush()

    def _obituary(self) -> PluginDied:
        """Return the error for those who wait for a plugin that has died."""
        self._process.wait(STOP_SECONDS)
        self._readers[0].join(STOP_SECONDS)
        return PluginDied(
            f"The plugin's process ended with status {self._process.returncode}. "
            f"Its last words:\n{self.stderr[-4000:]}"
        )

    def _read_stdout(self) -> None:
        for line in self._stdout:
            if not line.isspace():
                self._receive(line)
        with self._lock:
            self._dead = True
            unfinished = list(self._calls.values())
            self._calls.clear()
        for call in unfinished:
            call.fail(self._obituary())

    def _receive(self, line: bytes) -> None:
        if len(line) > LONGEST_LINE:
            self.violations.append(f"a line of {len(line)} bytes: {line[:200]!r}")
        try:
            event = json.loads(line)
            kind, data = event["event"], event["data"]
        except (ValueError, KeyError, TypeError):
            self.violations.append(f"no event: {line[:200]!r}")
            return
        match kind:
            case "session":
                self._receive_message(event["session_id"], data["type"], data["data"])
            case "heartbeat":
                self.heartbeats.append(time.monotonic())
            case "log":
                self.logs.append(data)
            case _:
                self.violations.append(f"event {kind!r}: {line[:200]!r}")

    def _receive_message(self, session_id: str, kind: str, data: Mapping[str, Any]) -> None:
        call = self._calls.get(session_id)
        if call is None:
            self.violations.append(f"a message of no open session: {str(data)[:200]}")
            return
        if kind == "invoke":
            self._respond(session_id, data)
            return
        # The end wakes the one who waits for the call, so it must be off the books by then.
        if kind == "end":
            with self._lock:
                self._calls.pop(session_id, None)
        if problem := call.receive(kind, data):
            self.violations.append(problem)

    def _respond(self, session_id: str, request: Mapping[str, Any]) -> None:
        """Answer a backwards invocation: an upload with its address, all else with an error."""
        kind = request["type"]
        if kind == "upload_file":
            address = self.files.upload_address(**request["request"])
            answer: dict[str, Any] = {"event": "response", "message": "", "data": {"url": address}}
        else:
            self.violations.append(f"a backwards invocation of the type {kind!r}")
            answer = {"event": "error", "message": f"no {kind} here", "data": None}
        end = {"event": "end", "message": "", "data": None}
        name = {"backwards_request_id": request["backwards_request_id"]}
        with self._lock, contextlib.suppress(OSError):
            for each in (answer, end):
                self._write(session_id, {"event": "backwards_response", "data": each | name})
