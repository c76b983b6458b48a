"""What a WebUI lists and lets be set: models, LoRAs, styles, options, whose turn it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from devkit.simulator.catalog import Checkpoint
from devkit.simulator.families.base import ServerException
from devkit.simulator.families.fastapi import ANY_OBJECT, FastAPIServer
from devkit.simulator.families.progress import Progress
from devkit.simulator.jobs import Job
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request

NO_CHECKPOINT = (
    "No checkpoints found. When searching for checkpoints, looked at:\n"
    " - file /srv/webui/model.ckpt\n - directory /srv/webui/empty/Stable-diffusion"
    "Can't run without a checkpoint. Find and place a .ckpt or .safetensors file into any of "
    "those locations."
)


class Listing(FastAPIServer):
    """The endpoints beside the generations, and the state they show."""

    lists_served: ClassVar[tuple[str, ...]] = ()
    remembers_tasks: ClassVar[bool] = True
    default_format: ClassVar[str] = "png"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """The server just started: its first checkpoint is loaded, no option was ever saved."""
        super().__init__(settings)
        self.options: dict[str, Any] = dict(self.lists["options"])
        self.saved: set[str] = {"sd_model_checkpoint", "sd_checkpoint_hash"}
        self.loaded: Checkpoint | None = None
        self.progress = Progress(self.queue)
        self.start()
        for name in self.lists_served:
            self.add("GET", f"/sdapi/v1/{name}", self.lists[name])
        self.add_routes()

    def start(self) -> None:
        """What happens once when the server starts or its checkpoints change."""
        self.loaded = self.catalog.first
        if self.loaded:
            self.loaded.hashed = True
            self.options["sd_model_checkpoint"] = self.loaded.title
            self.options["sd_checkpoint_hash"] = self.loaded.sha256
        self.format_changed()

    def format_changed(self) -> None:
        """As ``Family``."""
        self.options["samples_format"] = self.settings.samples_format or self.default_format

    def catalog_changed(self) -> None:
        """As ``Family``; the first of the new checkpoints is loaded."""
        super().catalog_changed()
        self.start()

    def add_routes(self) -> None:
        """The endpoints that A1111 and its descendants have in common."""
        self.add("GET", "/sdapi/v1/sd-models", self.sd_models)
        self.add("GET", "/sdapi/v1/loras", self.loras, guarded=False, part="always")
        self.add("POST", "/sdapi/v1/refresh-loras", self.nothing, guarded=False, part="always")
        self.add("GET", "/sdapi/v1/embeddings", self.embeddings)
        self.add("GET", "/sdapi/v1/prompt-styles", self.prompt_styles)
        self.add("GET", "/sdapi/v1/options", self.get_options)
        self.add("POST", "/sdapi/v1/options", self.set_options, model=ANY_OBJECT)
        self.add("GET", "/sdapi/v1/cmd-flags", self.cmd_flags)
        self.add("GET", "/sdapi/v1/progress", self.progress_of_anybody)
        self.add("POST", "/sdapi/v1/interrupt", self.interrupt)
        self.add("POST", "/sdapi/v1/skip", self.skip)
        for name in ("checkpoints", "vae", "embeddings"):
            self.add("POST", f"/sdapi/v1/refresh-{name}", self.nothing)
        self.add("POST", "/sdapi/v1/unload-checkpoint", self.unload)
        self.add("POST", "/sdapi/v1/reload-checkpoint", self.reload)
        if self.remembers_tasks:
            self.progress.add_routes(self)

    def nothing(self, _request: Request, _body: Any) -> Answer:
        """Endpoints that answer null."""
        return Answer.of_json(None)

    def sd_models(self, _request: Request, _body: Any) -> Answer:
        """``GET /sd-models``; hash and sha256 are null until the file was hashed."""
        return Answer.of_json([
            {
                "title": item.title,
                "model_name": item.model_name,
                "hash": item.short_hash if item.hashed else None,
                "sha256": item.sha256 if item.hashed else None,
                "filename": item.path,
                "config": None,
            }
            for item in self.catalog.checkpoints
        ])  # fmt: skip

    def loras(self, _request: Request, _body: Any) -> Answer:
        """``GET /loras``, open even with ``--api-auth``."""
        if not self.catalog.checkpoints:
            return Answer.of_json([])
        return Answer.of_json([
            {
                "name": item.name,
                "alias": item.alias,
                "path": f"/srv/webui/models/Lora/{item.file}",
                "metadata": item.metadata,
            }
            for item in self.catalog.loras
        ])  # fmt: skip

    def sd_vae(self, _request: Request, _body: Any) -> Answer:
        """``GET /sd-vae``."""
        return Answer.of_json([
            {"model_name": name, "filename": f"/srv/webui/models/VAE/{name}"}
            for name in self.catalog.vaes
        ])  # fmt: skip

    def embeddings(self, _request: Request, _body: Any) -> Answer:
        """``GET /embeddings``."""
        blank = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None}
        loaded = {name: {**blank, "shape": 768, "vectors": 2} for name in self.catalog.embeddings}
        return Answer.of_json({"loaded": loaded, "skipped": {}})

    def prompt_styles(self, _request: Request, _body: Any) -> Answer:
        """``GET /prompt-styles``."""
        return Answer.of_json(self.catalog.styles)

    def cmd_flags(self, _request: Request, _body: Any) -> Answer:
        """``GET /cmd-flags``: shows the password, as the real one does."""
        flags = {**self.lists["cmd-flags"], "api_auth": self.settings.auth}
        return Answer.of_json(flags)

    def progress_of_anybody(self, request: Request, _body: Any) -> Answer:
        """``GET /progress``: whoever is running."""
        given = request.query.get("skip_current_image", "false")
        wanted, fault = self.rules.converted({"type": "boolean"}, given)
        if fault:
            fault = self.rules.ordered({**fault, "loc": ["query", "skip_current_image"]}, given)
            return Answer.of_json({"detail": [fault]}, 422)
        return Answer.of_json(self.progress.anybody(with_image=not wanted))

    def interrupt(self, _request: Request, _body: Any) -> Answer:
        """``POST /interrupt``: stops whoever is running."""
        self.progress.interrupt()
        return Answer.of_json({})

    def skip(self, _request: Request, _body: Any) -> Answer:
        """``POST /skip``: ends the batch at hand."""
        if self.queue.running:
            self.queue.running.skip()
        return Answer.of_json(None)

    def get_options(self, _request: Request, _body: Any) -> Answer:
        """``GET /options``; fails once a number has been given a text."""
        value = self.options.get("CLIP_stop_at_last_layers", 1)
        if not isinstance(value, int | float):
            text = (
                "1 validation error for Options\nresponse -> CLIP_stop_at_last_layers\n"
                "  value is not a valid float (type=type_error.float)"
            )
            raise ServerException("ValidationError", text)
        return Answer.of_json(self.options)

    def set_options(self, _request: Request, body: Any) -> Answer:
        """``POST /options``: changes the server for everybody."""
        name = body.get("sd_model_checkpoint")
        if name is not None and self.resolved(name) is None:
            raise ServerException("RuntimeError", f"model {name!r} not found")
        for key, value in body.items():
            if key not in self.options:
                raise ServerException("KeyError", repr(key))
            self.options[key] = value
            self.saved.add(key)
            if key == "sd_model_checkpoint" and value is not None:
                with self.queue.turn(Job("options", "options")) as job:
                    self.load(self.resolved(value), job)
        return Answer.of_json(None)

    def unload(self, _request: Request, _body: Any) -> Answer:
        """``POST /unload-checkpoint``."""
        self.loaded = None
        return Answer.of_json({})

    def reload(self, _request: Request, _body: Any) -> Answer:
        """``POST /reload-checkpoint``."""
        return Answer.of_json({})

    def resolved(self, name: Any) -> Checkpoint | None:
        """The checkpoint a name stands for, or None (recordings txt2img-override-model-*)."""
        for item in self.catalog.checkpoints:
            names = {item.file, item.model_name, item.stem}
            if item.hashed:
                names |= {item.title, f"{item.stem} [{item.short_hash}]"}
                names |= {item.short_hash, item.sha256}
            if name in names:
                return item
        return None

    def load(self, model: Checkpoint | None, job: Job) -> Checkpoint:
        """Load a checkpoint unless it is the loaded one. Raises ServerException without any."""
        model = model or self.loaded or self.catalog.first
        if model is None:
            raise ServerException("FileNotFoundError", NO_CHECKPOINT)
        if model is not self.loaded:
            job.pause(self.settings.model_load_seconds)
            self.loaded = model
            model.hashed = True
            self.options["sd_checkpoint_hash"] = model.sha256
        return model
