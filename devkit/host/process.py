"""Starts a plugin's process and speaks the daemon's protocol with it: JSON lines over pipes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

import psutil

from devkit.closing import Closing
from devkit.files import FileServer
from devkit.host import questions
from devkit.host.call import Call
from devkit.host.callers import Caller, WorkflowNode
from devkit.host.results import PluginDied, PluginError, ToolResult
from devkit.host.tool_form import ToolForm

START_SECONDS = 60.0
STOP_SECONDS = 10.0
REQUEST_SECONDS = 60.0

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
        manifest: What the plugin's first line says.
        start_seconds: From the start of the process to that line.
        heartbeats: When the heartbeats came, by ``time.monotonic()``.
        logs: Log events outside any session, as the daemon would write them to its own log.
        violations: Everything on stdout that is not the protocol. Should be empty.
        files: Where the plugin uploads files, and where those of a new agent lie.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        python: str = sys.executable,
        env: Mapping[str, str] | None = None,
        keep_data: bool = True,
    ) -> None:
        self.manifest: dict[str, Any] = {}
        self.start_seconds = 0.0
        self.heartbeats: list[float] = []
        self.logs: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self._folder = Path(folder)
        self._keep_data = keep_data
        self._stderr: deque[bytes] = deque(maxlen=2000)
        self._calls: dict[str, Call] = {}
        self._lock = threading.Lock()
        self._dead = False
        self._first_line: SimpleQueue[bytes] = SimpleQueue()
        # From the environment coverage learns that it has to measure the plugin too.
        environment = {**os.environ, "INSTALL_METHOD": "local", **(env or {})}
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [python, "-m", "main"],
            cwd=folder,
            env=environment,
            bufsize=READ_BYTES,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.files = FileServer()
        self._threads = [
            threading.Thread(target=self._read_stderr, daemon=True),
            threading.Thread(target=self._read_stdout, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._read_manifest()
        except BaseException:
            self.close()
            raise
        self.start_seconds = time.perf_counter() - began

    @property
    def pid(self) -> int:
        """Id of the plugin's process."""
        return self._process.pid

    @property
    def process(self) -> psutil.Process:
        """The plugin's process, for its memory, CPU time and open files."""
        return psutil.Process(self._process.pid)

    @property
    def stderr(self) -> str:
        """The last 2,000 lines that the plugin wrote to stderr."""
        return b"".join(self._stderr).decode(errors="replace")

    def validate_credentials(
        self,
        provider: str,
        credentials: Mapping[str, Any],
        *,
        timeout: float | None = REQUEST_SECONDS,
    ) -> None:
        """Check credentials, as Dify's form does when it is saved.

        Raises:
            PluginError: The plugin refuses them; its message says why.
        """
        call = self._send(questions.validation(provider, credentials))
        call.wait(timeout)
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
        form = ToolForm(self._folder, tool)
        arguments = caller.arguments(form, parameters, settings or {}, self.files)
        return self._send(questions.invocation(provider, tool, credentials, arguments), caller)

    def invoke(
        self,
        provider: str,
        tool: str,
        credentials: Mapping[str, Any],
        parameters: Mapping[str, Any],
        *,
        caller: Caller = WORKFLOW_NODE,
        settings: Mapping[str, Any] | None = None,
        timeout: float | None = 600.0,
    ) -> ToolResult:
        """Invoke a tool and wait for all that it yields; Dify's daemon waits 600 s.

        The arguments are those of ``start``.

        Raises:
            NotCalled: The caller would not call the tool.
            PluginError: The tool raised.
            PluginDied: The plugin's process ended.
            TimeoutError: It took longer than ``timeout`` seconds.
        """
        call = self.start(provider, tool, credentials, parameters, caller=caller, settings=settings)
        return call.wait(timeout)

    def close(self) -> None:
        """End the plugin: SIGTERM, and after 10 seconds SIGKILL."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(STOP_SECONDS)
        # Not before the process has ended: the SDK spins when its stdin is closed.
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe
            pipe.close()
        self.files.close()

    def _send(self, data: Mapping[str, Any], caller: Caller | None = None) -> Call:
        call = Call(uuid.uuid4().hex, keep_data=self._keep_data)
        with self._lock:
            if self._dead:
                raise self._obituary()
            self._calls[call.session_id] = call
            try:
                self._write(questions.request(call.session_id, data, caller))
            except OSError:
                raise self._obituary() from None
        return call

    def _write(self, event: Mapping[str, Any]) -> None:
        stdin = self._process.stdin
        assert stdin
        stdin.write(json.dumps(event).encode() + b"\n")
        stdin.flush()

    def _read_manifest(self) -> None:
        try:
            line = self._first_line.get(timeout=START_SECONDS)
        except Empty:
            raise PluginDied(
                f"The plugin said nothing for {START_SECONDS:g} s.\n{self.stderr[-4000:]}"
            ) from None
        if not line:
            raise self._obituary()
        try:
            self.manifest = json.loads(line)
        except ValueError:
            raise PluginDied(
                f"The plugin's first line is no manifest but {line[:200]!r}."
            ) from None

    def _obituary(self) -> PluginDied:
        """What the plugin's death looks like to whoever waits for it."""
        self._process.wait(STOP_SECONDS)
        self._threads[0].join(STOP_SECONDS)
        return PluginDied(
            f"The plugin's process ended with status {self._process.returncode}. "
            f"Its last words:\n{self.stderr[-4000:]}"
        )

    def _read_stderr(self) -> None:
        for line in _lines(self._process.stderr):
            self._stderr.append(line)

    def _read_stdout(self) -> None:
        lines = _lines(self._process.stdout)
        self._first_line.put(next(lines, b""))
        for line in lines:
            if not line.isspace():
                self._take_line(line)
        with self._lock:
            self._dead = True
            unfinished = list(self._calls.values())
            self._calls.clear()
        for call in unfinished:
            call.fail(self._obituary())

    def _take_line(self, line: bytes) -> None:
        if len(line) > LONGEST_LINE:
            self.violations.append(f"a line of {len(line)} bytes: {line[:200]!r}")
        try:
            event = json.loads(line)
            kind = event["event"]
            data = event["data"]
        except (ValueError, KeyError, TypeError):
            self.violations.append(f"no event: {line[:200]!r}")
            return
        match kind:
            case "session":
                self._take_message(event["session_id"], data)
            case "heartbeat":
                self.heartbeats.append(time.monotonic())
            case "log":
                self.logs.append(data)
            case _:
                self.violations.append(f"event {kind!r}: {line[:200]!r}")

    def _take_message(self, session_id: str, data: Mapping[str, Any]) -> None:
        call = self._calls.get(session_id)
        if call is None:
            self.violations.append(f"a message of no open session: {str(data)[:200]}")
            return
        if data["type"] == "invoke":
            self._answer(session_id, data["data"])
            return
        # Its end lets the one go on who waits for it, so it must be off the books by then.
        if data["type"] == "end":
            with self._lock:
                self._calls.pop(session_id, None)
        if problem := call.take(data["type"], data["data"]):
            self.violations.append(problem)

    def _answer(self, session_id: str, requested: Mapping[str, Any]) -> None:
        """Answer a backwards invocation: an upload with its address, all else with an error."""
        kind = requested["type"]
        if kind == "upload_file":
            address = self.files.upload_address(**requested["request"])
            answer: dict[str, Any] = {"event": "response", "message": "", "data": {"url": address}}
        else:
            self.violations.append(f"a backwards invocation of the type {kind!r}")
            answer = {"event": "error", "message": f"no {kind} here", "data": None}
        end: dict[str, Any] = {"event": "end", "message": "", "data": None}
        with self._lock, contextlib.suppress(OSError):
            for each in (answer, end):
                each["backwards_request_id"] = requested["backwards_request_id"]
                self._write(questions.backwards(session_id, each))


def _lines(pipe: IO[bytes] | None) -> Any:
    assert pipe
    return iter(pipe)
