"""The Flask application: hands requests to the family, keeps the journal, takes commands."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from flask import Flask, Response, request
from werkzeug.datastructures import Headers as WerkzeugHeaders

from devkit.simulator import faults
from devkit.simulator.families import FAMILIES
from devkit.simulator.families.base import GENERATIONS, Drop, Family
from devkit.simulator.journal import Journal
from devkit.simulator.server import SUPPORT, Connection, Front
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Simulation:
    """One simulated server and what watches over it."""

    def __init__(self, settings: Settings) -> None:
        """Raises ValueError for a family that does not exist."""
        if settings.family not in FAMILIES:
            raise ValueError(f"no family {settings.family!r}; there are {', '.join(FAMILIES)}")
        self._at_start = settings
        self.front: Front | None = None
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Back to the state right after the start: settings, options, queue, journal."""
        with self._lock:
            self.settings = self._at_start
            self.journal = Journal()
            self.trouble = faults.Trouble()
            self.family: Family = FAMILIES[self.settings.family](lambda: self.settings)

    def configure(self, changes: dict[str, Any]) -> None:
        """Change live settings. Raises ValueError for a name or a fault that does not exist."""
        with self._lock:
            changed = self.settings.changed(**changes)
            faults.check(changed.fault)
            self.settings = changed
            if any(name.startswith("fault") for name in changes):
                self.trouble = faults.Trouble()
            if {"models", "catalog"} & set(changes):
                self.family.catalog_changed()
            if "samples_format" in changes:
                self.family.format_changed()

    def answer(self, requested: Request, connection: Connection) -> Answer:
        """Journal the request, answer it or do what the current fault says."""
        journal, family = self.journal, self.family
        entry = journal.note(requested)
        begun = time.perf_counter()
        try:
            answer = self.trouble.answer(self, family, requested, connection)
        except Drop:
            connection.misbehaviour = faults.drop
            answer = Answer(0)
        entry["status"] = answer.status or None
        entry["seconds"] = time.perf_counter() - begun
        return answer

    def usual_answer(self, family: Family, requested: Request) -> Answer:
        """The family's own answer; from memory where ``cache_answers`` allows it."""
        if not self.settings.cache_answers or requested.path not in GENERATIONS:
            return family.answer(requested)
        try:
            body = {**requested.json, "seed": None, "force_task_id": None}
        except (TypeError, ValueError):
            return family.answer(requested)
        key = json.dumps([requested.path, body], sort_keys=True)
        if key not in family.cache:
            answer = family.answer(requested)
            if answer.status != 200:
                return answer
            family.cache[key] = answer
        return family.cache[key]


def application(simulation: Simulation) -> Flask:
    """The WSGI application: ``/_sim/…`` is the control, everything else the server."""
    app = Flask("devkit.simulator", static_folder=None)
    app.url_map.merge_slashes = False

    def control(command: str) -> Response:
        body = request.get_json(silent=True) or {}
        if command == "reset":
            simulation.reset()
        elif command == "configure":
            try:
                simulation.configure(body)
            except ValueError as problem:
                return _as_response(Answer.of_json({"error": str(problem)}, 400))
        values: dict[str, Any] = {
            "journal": simulation.journal.entries,
            "jobs": simulation.family.queue.told,
            "settings": simulation.settings.as_dict,
        }
        if command not in values:
            command = "settings"
        value = values[command]()
        return _as_response(Answer.of_json(value))

    def everything(path: str = "") -> Response:
        del path
        raw, _, query = str(request.environ["REQUEST_URI"]).partition("?")
        if raw.startswith("/_sim/"):
            return control(raw.removeprefix("/_sim/"))
        prefix = simulation.settings.subpath
        if not raw.startswith(prefix):
            return _as_response(Answer.of_json({"detail": "Not Found"}, 404))
        requested = Request(
            method=request.method,
            path=raw.removeprefix(prefix) or "/",
            query_string=query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.get_data(),
        )
        connection: Connection = request.environ[SUPPORT]
        return _as_response(
            simulation.answer(requested, connection), simulation.family.server_header
        )

    app.add_url_rule("/", "root", everything, methods=METHODS, provide_automatic_options=False)
    app.add_url_rule(
        "/<path:path>", "all", everything, methods=METHODS, provide_automatic_options=False
    )
    return app


def _as_response(answer: Answer, server: str | None = None) -> Response:
    headers = WerkzeugHeaders(answer.headers)
    if server:
        headers["server"] = server
    # With a default of its own, Flask would say text/html where the real servers say nothing.
    response = Response(answer.body, answer.status or 200)
    response.headers.clear()
    response.headers.extend(headers)
    response.headers["Content-Length"] = str(len(answer.body))
    return response
