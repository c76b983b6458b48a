"""One simulated server and what watches over it: settings, faults, journal, control."""

import json
import threading
from functools import partial
from typing import Any

from devkit.simulator.families import FAMILIES
from devkit.simulator.families.base import GENERATIONS, Family
from devkit.simulator.fault_injector import FaultInjector
from devkit.simulator.server import Front
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request

LONGEST_STRING = 200
"""Characters of a body's strings that the journal keeps whole."""


class Simulation:
    """A server from its start to its end; port 0 picks a free one."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._at_start = settings
        self._lock = threading.Lock()
        keep_alive = FAMILIES[settings.family].keep_alive
        self.front = Front(self.respond, host, port, keep_alive=keep_alive)
        self.reset()

    def reset(self) -> None:
        """Go back to the state right after the start: settings, options, queue, journal."""
        with self._lock:
            self.settings = self._at_start
            self.journal: list[dict[str, Any]] = []
            self.faults = FaultInjector(self.front.refuse, self.settings)
            self.family: Family = FAMILIES[self.settings.family](self.settings)
            self._memory: dict[str, Answer] = {}

    def configure(self, changes: dict[str, Any]) -> None:
        """Change live settings; raise ValueError where there is no such setting or fault."""
        with self._lock:
            changed = self.settings.changed(changes)
            self.faults = FaultInjector(self.front.refuse, changed)
            self.settings = self.family.settings = changed
            self._memory.clear()
            if "models" in changes:
                self.family.start()

    def respond(self, request: Request) -> Answer:
        """Journal a request and answer it, or do what the current fault says."""
        family = self.family
        entry = _entry_of(request)
        self.journal.append(entry)
        usual = partial(self._usual, family, request)
        answer = self.faults.answer(request, family, usual)
        entry["status"] = None if answer.sender else answer.status
        return answer

    def _usual(self, family: Family, request: Request) -> Answer:
        """Return the family's own answer, from memory where ``cache_answers`` allows it."""
        if not self.settings.cache_answers or request.path not in GENERATIONS:
            return family.answer(request)
        requested = {**json.loads(request.body), "seed": None, "force_task_id": None}
        key = json.dumps([request.path, requested], sort_keys=True)
        kept = self._memory.get(key) or family.answer(request)
        if kept.status == 200:
            self._memory[key] = kept
        return kept

    def obey(self, command: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Do what a test wants; return a value or an error."""
        try:
            match command:
                case "journal":
                    return {"value": self.journal}
                case "jobs":
                    return {"value": self.family.queue.reported()}
                case "configure":
                    self.configure(changes)
                case "reset":
                    self.reset()
        except ValueError as error:
            return {"error": str(error)}
        return {"value": None}


def _entry_of(request: Request) -> dict[str, Any]:
    """Return a request as the journal keeps it; ``status`` is filled when it is answered."""
    return {
        "method": request.method, "path": request.path, "headers": request.headers,
        "body": _readable(request.body), "status": None,
    }  # fmt: skip


def _readable(body: bytes) -> Any:
    """Return a body as JSON with its images cut short, or the start of its text."""
    try:
        return _shortened(json.loads(body)) if body else None
    except ValueError:
        return body[:LONGEST_STRING].decode("latin-1")


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_shortened(member) for member in value]
    if isinstance(value, str) and len(value) > LONGEST_STRING and " " not in value[:60]:
        return f"{value[:40]}...<{len(value)} characters>"
    return value
