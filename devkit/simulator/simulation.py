"""One simulated server and what watches over it: settings, faults, journal, control."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from devkit.simulator.families import FAMILIES
from devkit.simulator.families.base import GENERATIONS, Family
from devkit.simulator.fault_injector import FaultInjector, check_fault
from devkit.simulator.journal import Journal
from devkit.simulator.server import Front
from devkit.simulator.settings import Settings
from devkit.simulator.wire import NOT_FOUND, Answer, Request


class Simulation:
    """A server from its start to its end.

    Args:
        settings: What it is started with; ``reset`` goes back to that.

    Raises:
        ValueError: No such family or fault.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.family not in FAMILIES:
            raise ValueError(f"no family {settings.family!r}; there are {', '.join(FAMILIES)}")
        check_fault(settings.fault)
        self._at_start = settings
        self._lock = threading.Lock()
        self._refuse: Callable[[float], None] = lambda _seconds: None
        self.reset()

    def connect(self, front: Front) -> None:
        """Let faults close the port at which the simulation is reached."""
        self._refuse = front.refuse
        self.faults = FaultInjector(self._refuse)

    def reset(self) -> None:
        """Go back to the state right after the start: settings, options, queue, journal."""
        with self._lock:
            self.settings = self._at_start
            self.journal = Journal()
            self.faults = FaultInjector(self._refuse)
            self.family: Family = FAMILIES[self.settings.family](lambda: self.settings)
            self._memory: dict[str, Answer] = {}

    def configure(self, changes: dict[str, Any]) -> None:
        """Change live settings.

        Raises:
            ValueError: No such setting or fault.
        """
        with self._lock:
            changed = self.settings.changed(**changes)
            check_fault(changed.fault)
            self.settings = changed
            self._memory.clear()
            if any(name.startswith("fault") for name in changes):
                self.faults = FaultInjector(self._refuse)
            if {"models", "catalog"} & set(changes):
                self.family.restock()
            if "samples_format" in changes:
                self.family.change_format()

    def respond(self, request: Request) -> Answer:
        """Journal a request and answer it, or do what the current fault says."""
        prefix = self.settings.subpath
        if not request.path.startswith(prefix):
            return NOT_FOUND
        path = request.path.removeprefix(prefix) or "/"
        request = Request(request.method, path, request.query, request.headers, request.body)
        settings, family = self.settings, self.family
        entry = self.journal.note(request)
        began = time.perf_counter()
        answer = self.faults.answer(request, family, settings, lambda: self._usual(family, request))
        entry["status"] = None if answer.sender else answer.status
        entry["seconds"] = time.perf_counter() - began
        return answer

    def _usual(self, family: Family, request: Request) -> Answer:
        """Return the family's own answer, from memory where ``cache_answers`` allows it."""
        if not self.settings.cache_answers or request.path not in GENERATIONS:
            return family.answer(request)
        try:
            body = {**json.loads(request.body), "seed": None, "force_task_id": None}
        except (TypeError, ValueError):
            return family.answer(request)
        key = json.dumps([request.path, body], sort_keys=True)
        kept = self._memory.get(key)
        if kept is None:
            kept = family.answer(request)
            if kept.status == 200:
                self._memory[key] = kept
        return kept

    def control(self, request: Request) -> Answer:
        """Answer the test's own questions: journal, jobs, settings, reset, configure."""
        try:
            match request.path.rpartition("/")[2]:
                case "journal":
                    return Answer.of_json(self.journal.entries())
                case "jobs":
                    return Answer.of_json(self.family.queue.told())
                case "reset":
                    self.reset()
                case "configure":
                    self.configure(json.loads(request.body))
        except ValueError as error:
            return Answer.of_json({"error": str(error)}, 400)
        return Answer.of_json(self.settings.as_dict())
