"""What A1111, Forge and SD.Next share beside the images: access, lists, options, models."""

import base64
import time
from typing import Any, ClassVar

from devkit.simulator.families.base import Body, Family, HTTPError, Route
from devkit.simulator.inventory import ROOT, Checkpoint
from devkit.simulator.jobs import Job
from devkit.simulator.validation import Invalid, Validation
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

    def restock(self) -> None:
        """Load the first checkpoint and forget which options were saved."""
        super().restock()
        self.options: Body = dict(self.lists["options"])
        self.options["samples_format"] = self.settings.samples_format or self.default_format
        self.saved = {MODEL}
        self.loaded = next(iter(self.inventory.checkpoints), None)
        if self.loaded:
            self.loaded.hashed = True
            self.options[MODEL] = self.title_of(self.loaded)

    def add_routes(self) -> None:
        """Serve what the three have in common."""
        self.validation = Validation(self.recorded["findings"])
        self.get("/", PAGE, guarded=False, part="webui")
        self.get("/openapi.json", self._openapi(), guarded=False, part="always")
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
        self.get("/sdapi/v1/loras", self.loras, guarded=False, part="always")
        self.get("/sdapi/v1/sd-models", self.sd_models)
        self.get("/sdapi/v1/options", self._options)
        self.post("/sdapi/v1/options", self.set_options, fields=ANY_OBJECT)
        self.post("/sdapi/v1/interrupt", self._interrupt)

    def answer(self, request: Request) -> Answer:
        """Answer 422 to a body that does not fit."""
        try:
            return super().answer(request)
        except Invalid as invalid:
            return self.written({"detail": invalid.args}, 422)

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

    def title_of(self, checkpoint: Checkpoint) -> str:
        """Return a checkpoint's name in the options."""
        return checkpoint.title

    def names_of(self, item: Checkpoint) -> set[str]:
        """Return the names by which requests may call a checkpoint."""
        short = item.short_hash
        hashed = {item.title, f"{item.stem} [{short}]", short, item.sha256}
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
        """Return title, paths and fields, by which clients tell the family."""
        serves = {True: self.settings.api, False: self.settings.webui}
        paths = [path for path in self.data["paths"] if serves[path.startswith("/sdapi/")]]
        fields = self.data["fields"] if self.settings.api else {}
        schemas = {name: {"properties": dict.fromkeys(fields[name])} for name in fields}
        info, components = {"title": self.title}, {"schemas": schemas}
        return {"info": info, "paths": dict.fromkeys(paths), "components": components}

    def sd_models(self) -> list[Body]:
        """Return the list of checkpoints; hashes are null until the file was hashed."""
        return [
            {"title": item.title, "model_name": item.model_name, "filename": item.path}
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
            with self.queue.turn(Job("", "options")):
                self.load(self.resolved(body[MODEL]))
        return None

    def _interrupt(self, _body: Any) -> Any:
        """Stop whoever is running."""
        if self.queue.running:
            self.queue.running.stop.set()
        return self.interrupted
