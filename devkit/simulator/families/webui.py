"""What A1111, Forge and SD.Next share beside the images: access, lists, options, models, tasks."""

import base64
import time
from collections.abc import Callable
from typing import Any, ClassVar

from devkit.simulator.families.base import Family, HTTPError, Route, ServerException
from devkit.simulator.inventory import ROOT, Checkpoint, data_of
from devkit.simulator.jobs import Job
from devkit.simulator.settings import Settings
from devkit.simulator.validation import Invalid, Validation
from devkit.simulator.wire import NOT_FOUND, Answer, Request

ANY_OBJECT = "any object"
"""In the place of a table's name: the body may be any JSON object."""

PAGE = Answer.of_text("<!doctype html>\n<html><body><gradio-app></gradio-app></body></html>\n")


def failures_of(name: str) -> dict[str, Any]:
    """Return a family's recorded failures, over those of the family that it resembles."""
    own = data_of("failures")[name]
    if "like" not in own:
        return dict(own)
    base = failures_of(own["like"])
    return {
        "findings": {**base["findings"], **own["findings"]},
        "numbers": own["numbers"] or base["numbers"],
        "failures": {**base["failures"], **own["failures"]},
    }


class WebUI(Family):
    """A server whose API descends from A1111's."""

    title: ClassVar[str] = "FastAPI"
    default_format: ClassVar[str] = "png"
    lenient: ClassVar[bool] = False
    remembers_tasks: ClassVar[bool] = True
    malformed_password: ClassVar[str] = "Invalid authentication credentials"
    wrong_password: ClassVar[str] = "Incorrect username or password"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        recorded = failures_of(self.data_name)
        self.limits: list[dict[str, Any]] = recorded["numbers"]
        self._failures: dict[str, list[str]] = recorded["failures"]
        self._validation = Validation(recorded["findings"], lenient=self.lenient)
        super().__init__(settings)

    def restock(self) -> None:
        """As ``Family``; the first checkpoint is loaded, no option was ever saved."""
        super().restock()
        self.options: dict[str, Any] = dict(self.lists["options"])
        self.saved = {"sd_model_checkpoint", "sd_checkpoint_hash"}
        self.loaded = next(iter(self.inventory.checkpoints), None)
        if self.loaded:
            self.loaded.hashed = True
            self.options["sd_model_checkpoint"] = self.title_of(self.loaded)
            self.options["sd_checkpoint_hash"] = self.loaded.sha256
        self.change_format()

    def change_format(self) -> None:
        """As ``Family``."""
        self.options["samples_format"] = self.settings.samples_format or self.default_format

    def add_routes(self) -> None:
        """Serve what the three have in common."""
        self.get("/", PAGE, guarded=False, part="webui")
        self.get("/openapi.json", self.openapi, guarded=False, part="always")
        for name in ("samplers", "schedulers", "upscalers", "latent-upscale-modes"):
            if name in self.lists:
                self.get(f"/sdapi/v1/{name}", self.lists[name])
        self.get("/sdapi/v1/sd-models", self.sd_models)
        self.get("/sdapi/v1/loras", self.loras, guarded=False, part="always")
        self.get("/sdapi/v1/embeddings", self.embeddings)
        self.get("/sdapi/v1/prompt-styles", lambda: self.inventory.styles)
        self.get("/sdapi/v1/options", self.get_options)
        self.post("/sdapi/v1/options", self.set_options, fields=ANY_OBJECT)
        self.post("/sdapi/v1/interrupt", self.interrupt)
        if self.remembers_tasks:
            open_to_all = {"guarded": False, "part": "webui"}
            self.get("/internal/pending-tasks", self.pending_tasks, **open_to_all)
            self.post("/internal/progress", self.progress, fields="progress", **open_to_all)

    def serves(self, route: Route) -> bool:
        """As ``Family``."""
        return {"api": self.settings.api, "webui": self.settings.webui}.get(route.part, True)

    def answer(self, request: Request) -> Answer:
        """As ``Family``; a body that does not fit is a 422."""
        try:
            return super().answer(request)
        except Invalid as invalid:
            return self.written({"detail": invalid.findings}, 422)

    def read(self, route: Route, request: Request) -> Any:
        """Parse, authenticate, validate: in the order of FastAPI."""
        body = self._validation.parse(request) if route.fields else None
        if route.guarded:
            self._authenticate(request)
        if route.fields is None:
            return None
        if route.fields == ANY_OBJECT:
            return self._validation.check_object(body)
        return self._validation.check(self.data["fields"][route.fields], body)

    def _authenticate(self, request: Request) -> None:
        """Raise HTTPError 401 unless the Basic auth is right; passwords are ASCII here."""
        if self.settings.auth is None:
            return
        scheme, _, value = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            raise HTTPError(401, "Not authenticated")
        given = base64.b64decode(value)
        if not given.isascii():
            raise HTTPError(401, self.malformed_password)
        if given != self.settings.auth.encode():
            raise HTTPError(401, self.wrong_password)

    def missing(self, _request: Request) -> Answer:
        """As ``Family``."""
        return NOT_FOUND

    def failure(self, name: str, *words: object) -> ServerException:
        """Return a recorded exception, its gaps filled in."""
        kind, text = self._failures[name]
        return ServerException(kind, text.format(*words))

    def openapi(self) -> dict[str, Any]:
        """``GET /openapi.json``: title, paths and fields, by which clients tell the family."""
        paths = [
            path
            for path in self.data["paths"]
            if (self.settings.api if path.startswith("/sdapi/") else self.settings.webui)
        ]
        schemas = {
            name: {"type": "object", "properties": dict(fields)}
            for name, fields in self.data["fields"].items()
        }
        return {
            "openapi": "3.0.2",
            "info": {"title": self.title, "version": "0.1.0"},
            "paths": {path: {} for path in paths},
            "components": {"schemas": schemas if self.settings.api else {}},
        }

    def title_of(self, checkpoint: Checkpoint) -> str:
        """Return a checkpoint's name in the options."""
        return checkpoint.title

    def sd_models(self) -> list[dict[str, Any]]:
        """``GET /sd-models``; hash and sha256 are null until the file was hashed."""
        return [
            {
                "title": item.title,
                "model_name": item.model_name,
                "hash": item.short_hash if item.hashed else None,
                "sha256": item.sha256 if item.hashed else None,
                "filename": item.path,
                "config": None,
            }
            for item in self.inventory.checkpoints
        ]

    def loras(self) -> list[dict[str, Any]]:
        """``GET /loras``, open even with ``--api-auth``."""
        return [
            {
                "name": item.name,
                "alias": item.alias,
                "path": f"{ROOT}/Lora/{item.file}",
                "metadata": item.metadata,
            }
            for item in (self.inventory.loras if self.inventory.checkpoints else ())
        ]

    def vaes(self) -> list[dict[str, Any]]:
        """``GET /sd-vae``."""
        return [
            {"model_name": name, "filename": f"{ROOT}/VAE/{name}"} for name in self.inventory.vaes
        ]

    def embeddings(self) -> dict[str, Any]:
        """``GET /embeddings``."""
        blank = {"step": None, "sd_checkpoint": None, "shape": 768, "vectors": 2}
        return {"loaded": dict.fromkeys(self.inventory.embeddings, blank), "skipped": {}}

    def get_options(self) -> dict[str, Any]:
        """``GET /options``; fails once a number has been given a text."""
        if isinstance(self.options.get("CLIP_stop_at_last_layers"), str):
            raise self.failure("options")
        return self.options

    def set_options(self, body: dict[str, Any]) -> None:
        """``POST /options``: changes the server for everybody, which the plugin must not do."""
        name = body.get("sd_model_checkpoint")
        if name is not None and self.resolved(name) is None:
            raise self.failure("model", name)
        for key, value in body.items():
            if key not in self.options:
                raise self.failure("option", key)
            self.options[key] = value
            self.saved.add(key)
        if name is not None:
            with self.queue.turn(Job("options", "options")):
                self.load(self.resolved(name))

    def interrupt(self, _body: Any) -> Any:
        """``POST /interrupt``: stops whoever is running."""
        if self.queue.running:
            self.queue.running.interrupt()
        return {}

    def pending_tasks(self) -> dict[str, Any]:
        """``GET /internal/pending-tasks``: the queue, and tasks that failed before they began."""
        tasks = list(self.queue.pending)
        return {"size": len(tasks), "tasks": tasks}

    def progress(self, body: dict[str, Any]) -> dict[str, Any]:
        """``POST /internal/progress``: where one task stands."""
        task, running, pending = body["id_task"], self.queue.running, list(self.queue.pending)
        queued = task in pending
        active = running is not None and running.task == task and not queued
        waits = f"In queue: {pending.index(task) + 1}/{len(pending)}" if queued else "Waiting..."
        return {
            "active": active,
            "queued": queued,
            "completed": task in self.queue.finished,
            "progress": running.share if running and active else None,
            "eta": None,
            "live_preview": None,
            "id_live_preview": -1,
            "textinfo": None if active else waits,
        }

    def resolved(self, name: Any) -> Checkpoint | None:
        """Return the checkpoint that a name stands for (recordings txt2img-override-model-*)."""
        for item in self.inventory.checkpoints:
            names = {item.file, item.model_name, item.stem}
            if item.hashed:
                names |= {item.title, f"{item.stem} [{item.short_hash}]"}
                names |= {item.short_hash, item.sha256}
            if name in names:
                return item
        return None

    def load(self, model: Checkpoint | None) -> Checkpoint:
        """Return a checkpoint, loaded unless it was; without one the server fails."""
        model = model or self.loaded or next(iter(self.inventory.checkpoints), None)
        if model is None:
            raise self.failure("no checkpoint")
        if model is not self.loaded:
            time.sleep(self.settings.model_load_seconds)
            self.loaded = model
            model.hashed = True
            self.options["sd_checkpoint_hash"] = model.sha256
        return model
