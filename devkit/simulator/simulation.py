"""One simulated server and what watches over it: settings, faults, journal, control."""

import json
import threading
import time
from dataclasses import replace
from functools import partial
from typing import Any

from devkit.simulator.families import FAMILIES
from devkit.simulator.families.base import GENERATIONS, Family
from devkit.simulator.fault_injector import FaultInjector, check_fault
from devkit.simulator.journal import Journal
from devkit.simulator.server import Front
from devkit.simulator.settings import Settings
from devkit.simulator.wire import NOT_FOUND, Answer, Request


class Simulation:
    """A server from its start to its end, and a second port through which tests control it.

    Args:
        settings: What it is started with; ``reset`` goes back to that.
        host: Where to listen.
        port: 0 picks a free one.
    """

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        check_fault(settings.fault)
        self._at_start = settings
        self._lock = threading.Lock()
        keep_alive = FAMILIES[settings.family].keep_alive
        self.front = Front(self.respond, host, port, keep_alive=keep_alive)
        self.reset()
        self.control = Front(self._control)

    def reset(self) -> None:
        """Go back to the state right after the start: settings, options, queue, journal."""
        with self._lock:
            self.settings = self._at_start
            self.journal = Journal()
            self.faults = FaultInjector(self.front.refuse)
            self.family: Family = FAMILIES[self.settings.family](self.settings)
            self._memory: dict[str, Answer] = {}

    def configure(self, changes: dict[str, Any]) -> None:
        """Change live settings.

        Raises:
            ValueError: No such setting or fault.
        """
        with self._lock:
            changed = self.settings.changed(**changes)
            check_fault(changed.fault)
            self.settings = self.family.settings = changed
            self._memory.clear()
            if any(name.startswith("fault") for name in changes):
                self.faults = FaultInjector(self.front.refuse)
            if {"models", "catalog", "samples_format"} & set(changes):
                self.family.start()

    def respond(self, request: Request) -> Answer:
        """Journal a request and answer it, or do what the current fault says."""
        settings, family = self.settings, self.family
        if not request.path.startswith(settings.subpath):
            return NOT_FOUND
        request = replace(request, path=request.path.removeprefix(settings.subpath) or "/")
        entry = self.journal.note(request)
        began = time.perf_counter()
        usual = partial(self._usual, family, request)
        answer = self.faults.answer(request, family, settings, usual)
        entry["status"] = None if answer.sender else answer.status
        entry["seconds"] = time.perf_counter() - began
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

    def _control(self, request: Request) -> Answer:
        """Answer the tests' own questions."""
        value: Any = None
        try:
            match request.path:
                case "/journal":
                    value = self.journal.entries
                case "/jobs":
                    value = self.family.queue.told()
                case "/reset":
                    self.reset()
                case "/configure":
                    self.configure(json.loads(request.body))
        except ValueError as error:
            return Answer.of_json({"error": str(error)}, 400)
        return Answer.of_json(value)
