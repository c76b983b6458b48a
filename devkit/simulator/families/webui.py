"""What A1111, Forge and SD.Next share beside the images: access, lists, options, models."""

import base64
import time
from typing import Any, ClassVar

from devkit.simulator.families.base import Body, Family, HTTPError, Route
from devkit.simulator.inventory import ROOT, Checkpoint
from devkit.simulator.jobs import Job
from devkit.simulator.validation import Validation
from devkit.simulator.wire import Answer, Request

PAGE = Answer.of_text("<!doctype html>\n<html><body><gradio-app></gradio-app></body></html>\n")
ANY_OBJECT = "any object"
"""In the place of a table's name: the body may be any JSON object."""

MODEL = "sd_model_checkpoint"


class WebUI(Family):
    """A server whose API descends from A1111's."""

    title: ClassVar[str] = "FastAPI"
    default_format: ClassVar[str] = "png"
    malformed_password: ClassVar[str] = "Invalid authentication credentials"
    wrong_password: ClassVar[str] = "Incorrect username or password"
    interrupted: ClassVar[Any] = {}

    def start(self) -> None:
        """Load the first checkpoint and serve what the three have in common."""
        super().start()
        self.validation = Validation(self.recorded["findings"])
        self.options: Body = dict(self.lists["options"])
        self.options["samples_format"] = self.default_format
        self.saved = {MODEL}
        self.loaded = next(iter(self.inventory.checkpoints), None)
        if self.loaded:
            self.loaded.hashed = True
            self.options[MODEL] = self.title_of(self.loaded)
        self.get("/", PAGE, guarded=False)
        self.get("/openapi.json", self._openapi, guarded=False)
        for name in ("samplers", "schedulers", "upscalers", "latent-upscale-modes", "detailers"):
            if name in self.lists:
                self.get(f"/sdapi/v1/{name}", self.lists[name])
        files = self.inventory
        vaes = [{"model_name": name, "filename": f"{ROOT}/VAE/{name}"} for name in files.vaes]
        self.get("/sdapi/v1/sd-vae", vaes)
        self.get("/sdapi/v1/prompt-styles", files.styles)
        self.get("/sdapi/v1/embeddings", {"loaded": files.embeddings})
        self.loras = [
            {"name": item.name, "alias": item.alias, "path": item.path, "metadata": item.metadata}
            for item in (files.loras if files.checkpoints else ())
        ]
        self.get("/sdapi/v1/loras", self.loras, guarded=False)
        self.get("/sdapi/v1/sd-models", self.sd_models)
        self.get("/sdapi/v1/options", self._options)
        self.post("/sdapi/v1/options", self.set_options, fields=ANY_OBJECT)
        self.post("/sdapi/v1/interrupt", self._interrupt)

    def read(self, route: Route, request: Request) -> Any:
        """Parse, authenticate, validate: in the order of FastAPI."""
        body = self.validation.parse(request.body) if route.fields else {}
        if route.guarded and self.settings.auth:
            self._authenticate(request, self.settings.auth)
        if route.fields in (None, ANY_OBJECT):
            return body
        return self.validation.check(self.data["fields"][route.fields], body)

    def _authenticate(self, request: Request, auth: str) -> None:
        """Raise HTTPError 401 unless the Basic auth is right; passwords are ASCII here."""
        scheme, _, value = request.header("authorization").partition(" ")
        if scheme.lower() != "basic":
            raise HTTPError(401, "Not authenticated")
        given = base64.b64decode(value)
        if given != auth.encode():
            raise HTTPError(
                401, self.wrong_password if given.isascii() else self.malformed_password
            )

    def name_of(self, checkpoint: Checkpoint) -> str:
        """Return a checkpoint's name in the list."""
        return checkpoint.model_name

    def title_of(self, checkpoint: Checkpoint) -> str:
        """Return a checkpoint's title in the list and in the options."""
        return checkpoint.titled(checkpoint.file)

    def names_of(self, item: Checkpoint) -> set[str]:
        """Return the names by which requests may call a checkpoint."""
        short = item.short_hash
        hashed = {self.title_of(item), f"{item.stem} [{short}]", short, item.sha256}
        return {item.file, item.model_name, item.stem} | (hashed if item.hashed else set())

    def resolved(self, name: Any) -> Checkpoint | None:
        """Return the checkpoint that a name stands for (recordings txt2img-override-model-*)."""
        return next((one for one in self.inventory.checkpoints if name in self.names_of(one)), None)

    def load(self, model: Checkpoint | None) -> Checkpoint:
        """Return a checkpoint, loaded unless it was; without one the server fails."""
        model = model or self.loaded or next(iter(self.inventory.checkpoints), None)
        if model is None:
            raise self.failure("no checkpoint")
        if model is not self.loaded:
            time.sleep(self.settings.model_load_seconds)
            self.loaded = model
            model.hashed = True
        return model

    def _openapi(self) -> Body:
        """Return title, paths and fields, by which clients know the family."""
        fields, paths = self.data["fields"], dict.fromkeys(self.data["paths"])
        schemas = {name: {"properties": dict.fromkeys(fields[name])} for name in fields}
        return {"info": {"title": self.title}, "paths": paths, "components": {"schemas": schemas}}

    def sd_models(self) -> list[Body]:
        """Return the list of checkpoints; hashes are null until the file was hashed."""
        return [
            {"title": self.title_of(item), "model_name": self.name_of(item), "filename": item.path}
            | ({"hash": item.short_hash, "sha256": item.sha256} if item.hashed else {})
            for item in self.inventory.checkpoints
        ]

    def _options(self) -> Body:
        """Return the options; fail once a number has been given a text."""
        if isinstance(self.options.get("CLIP_stop_at_last_layers"), str):
            raise self.failure("options")
        return self.options

    def set_options(self, body: Body) -> Any:
        """Change the server for everybody, which the plugin must not do."""
        if body.get(MODEL) is not None and self.resolved(body[MODEL]) is None:
            raise self.failure("model", body[MODEL])
        for key, value in body.items():
            if key not in self.options:
                raise self.failure("option", key)
            self.options[key] = value
            self.saved.add(key)
        if MODEL in body:
            with self.queue.turn(Job()):
                self.load(self.resolved(body[MODEL]))
        return None

    def _interrupt(self, _body: Any) -> Any:
        """Stop whoever is running."""
        if self.queue.running:
            self.queue.running.stop.set()
        return self.interrupted
