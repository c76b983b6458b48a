"""SD.Next's lists, options and errors; ``sdnext`` adds the generations."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import unquote

from devkit.simulator import infotext, picturefiles
from devkit.simulator.catalog import Checkpoint
from devkit.simulator.families.base import GENERATIONS, ServerException
from devkit.simulator.families.captions import Captions
from devkit.simulator.families.webui import WebUI
from devkit.simulator.jobs import Job
from devkit.simulator.settings import Settings
from devkit.simulator.validation import Pydantic2, Rules
from devkit.simulator.wire import Answer, Request

ROOT = "/srv/webui/models"
NO_HTML = (
    "1 validation error for {model}\nhtml_info\n  Input should be a valid string "
    "[type=string_type, input_value=None, input_type=NoneType]\n"
    "    For further information visit https://errors.pydantic.dev/2.13/v/string_type"
)


class SDNextLists(WebUI):
    """What SD.Next answers beside its generations."""

    data_name = "sdnext"
    api_title = page_title = "SD.Next"
    rules: ClassVar[Rules] = Pydantic2()
    remembers_tasks = False
    default_format = "jpg"
    refused = "Unauthorized"
    malformed = "Not authenticated"
    lists_served = (
        "samplers", "upscalers", "face-restorers", "detailers", "extensions", "memory", "version",
        "platform", "torch", "status", "gpu", "history", "sampler",
        "loaded-loras", "unets", "wildcards", "start",
    )  # fmt: skip

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """As ``WebUI``, with counters for the rate limit."""
        super().__init__(settings)
        self._counted: Counter[str] = Counter()
        self._minute = 0.0
        self._lock = threading.Lock()

    def add_routes(self) -> None:
        """As A1111 less what SD.Next has not, plus captions."""
        super().add_routes()
        for path in ("/sdapi/v1/refresh-embeddings",):
            self.routes.pop(path)
        for path in ("/sdapi/v1/extra-single-image", "/sdapi/v1/extra-batch-images"):
            self.add("POST", path, self.upscale_broken, model=path.rpartition("/")[2])
        self.add("GET", "/sdapi/v1/sd-vae", self.sd_vae)
        self.add("GET", "/sdapi/v1/checkpoint", self.checkpoint)
        self.add("POST", "/sdapi/v1/checkpoint", self.set_checkpoint)
        self.add("POST", "/sdapi/v1/png-info", self.png_info, model="png-info")
        self.add("POST", "/sdapi/v1/refresh-loras", self.refreshed_loras)
        self.add("GET", "/sdapi/v1/loras", self.loras)
        Captions(self).add_routes()
        self.add("GET", "/sdapi/v1/motd", self.lists["motd"])
        self.add("GET", "/sdapi/v1/log", ["2026-07-23 12:00:00 | INFO | Server start"] * 2)
        self.add("GET", "/sdapi/v1/schedulers", self.schedulers)
        self.add("GET", "/sdapi/v1/scripts", self.lists["scripts"])
        self.add("GET", "/queue/status", self.lists["queue-status"], part="webui")
        self.add("POST", "/internal/progress", self.no_task, model="progress", part="webui")

    def answer(self, request: Request) -> Answer:
        """As ``FastAPIServer``, with the limit that is applied after the work is done."""
        answer = super().answer(request)
        limit = self.settings.rate_limit
        if limit and self._used(request.path) > limit:
            place = f"{request.client}:{request.path}"
            return self.error(429, f"{place}: rate limit exceeded")
        return answer

    def _used(self, path: str) -> int:
        with self._lock:
            now = time.monotonic()
            if now - self._minute > 60:
                self._minute = now
                self._counted.clear()
            self._counted[path] += 5 if path in GENERATIONS else 1
            return self._counted[path]

    def exception(self, kind: str, text: str) -> Answer:
        """A Python exception."""
        value = {"error": kind, "code": 500, "detail": "", "body": "", "errors": text}
        return Answer.of_json(value, 500)

    def error(self, status: int, detail: str) -> Answer:
        """An HTTPException; its text stands twice."""
        value = {
            "error": "HTTPException", "code": status, "detail": detail, "body": "",
            "errors": f"{status}: {detail}",
        }  # fmt: skip
        return Answer.of_json(value, status)

    def no_dictionary(self, body: Any) -> dict[str, Any]:
        """As pydantic 2 words it for a plain dictionary."""
        assert isinstance(self.rules, Pydantic2)
        fault = self.rules.fault("dict_type", "Input should be a valid dictionary", body)
        return {**fault, "loc": ["body"]}

    def start(self) -> None:
        """As ``WebUI``; titles have no extension."""
        super().start()
        if self.loaded:
            self.options["sd_model_checkpoint"] = self.title(self.loaded)

    def title(self, item: Checkpoint) -> str:
        """``name [hash]``."""
        name = self.plain_name(item)
        return f"{name} [{item.short_hash}]" if item.hashed else name

    def sd_models(self, _request: Request, _body: Any) -> Answer:
        """``GET /sd-models``."""
        return Answer.of_json([
            {
                "title": self.title(item), "model_name": self.plain_name(item),
                "filename": item.path, "type": "safetensors",
                "sha256": item.sha256 if item.hashed else None,
                "hash": item.short_hash if item.hashed else None, "config": None,
            }
            for item in self.catalog.checkpoints
        ])  # fmt: skip

    def plain_name(self, item: Checkpoint) -> str:
        """The path below the model folder, without the extension."""
        return item.file.rpartition(".")[0]

    def embeddings(self, _request: Request, _body: Any) -> Answer:
        """``GET /embeddings``: names only."""
        return Answer.of_json({"loaded": list(self.catalog.embeddings), "skipped": []})

    def get_options(self, _request: Request, _body: Any) -> Answer:
        """``GET /options``: those that differ from the defaults, and a few more."""
        return Answer.of_json({
            key: value for key, value in self.options.items() if key in self.lists["options"]
        })  # fmt: skip

    def set_options(self, _request: Request, body: Any) -> Answer:
        """``POST /options``: never fails; an unknown model is unloaded for nothing."""
        updated = []
        for key, value in body.items():
            known = key in self.options or key in ("CLIP_stop_at_last_layers", "jpeg_quality")
            updated.append({key: known})
            if not known:
                continue
            self.options[key] = value
            self.saved.add(key)
            if key == "sd_model_checkpoint":
                with self.queue.turn(Job("options", "options")) as job:
                    self.load_or_unload(value, job)
        return Answer.of_json({"updated": updated})

    def load_or_unload(self, name: Any, job: Job) -> None:
        """Load the model, or none at all when nobody knows it."""
        found = self.resolved(name)
        if found is None:
            self.loaded = None
        else:
            self.load(found, job)

    def resolved(self, name: Any) -> Checkpoint | None:
        """Title, name, short hash or full path (recordings txt2img-override-model-*)."""
        for item in self.catalog.checkpoints:
            names = {self.plain_name(item), item.path}
            if item.hashed:
                names |= {self.title(item), item.short_hash}
            if name in names:
                return item
        return None

    def interrupt(self, _request: Request, _body: Any) -> Answer:
        """``POST /interrupt``: no body."""
        self.progress.interrupt()
        return Answer(204)

    def skip(self, _request: Request, _body: Any) -> Answer:
        """``POST /skip``: no body."""
        super().skip(_request, _body)
        return Answer(204)

    def nothing(self, _request: Request, _body: Any) -> Answer:
        """Endpoints without an answer."""
        return Answer(204)

    def schedulers(self, _request: Request, _body: Any) -> Answer:
        """``GET /schedulers`` fails on its own answer."""
        body = [{"name": item["name"], "cls": None, "options": {}} for item in self.samplers]
        value = {
            "error": "ResponseValidationError", "code": 500, "detail": "", "body": body,
            "errors": f"{len(body)} validation errors:\n  {{'type': 'string_type'}}",
        }  # fmt: skip
        return Answer.of_json(value, 500)

    @property
    def samplers(self) -> list[dict[str, Any]]:
        """The list of samplers."""
        listed: list[dict[str, Any]] = self.lists["samplers"]
        return listed

    def no_task(self, _request: Request, _body: Any) -> Answer:
        """``POST /internal/progress`` knows no tasks of the API."""
        running = self.queue.running
        return Answer.of_json({
            "job": running.kind if running else "",
            "textinfo": "" if running else "Waiting...", "active": running is not None,
            "queued": self.queue.waiting > 0, "paused": False, "completed": False,
            "debug": False, "step": running.step if running else 0,
            "steps": running.sampling_steps if running else 1,
            "batch_no": running.batch if running else 0,
            "batch_count": running.batches if running else 0,
            "progress": running.share if running else 0.0, "eta": None, "live_preview": None,
            "id_live_preview": 0,
        })  # fmt: skip

    def progress_of_anybody(self, request: Request, body: Any) -> Answer:
        """``GET /progress``: an id more, a flag less than A1111."""
        answer = super().progress_of_anybody(request, body)
        if answer.status != 200:
            return answer
        state = json.loads(answer.body)
        state["state"].pop("stopping_generation")
        running = self.queue.running
        return Answer.of_json({"id": running.task if running else "", **state})

    def refreshed_loras(self, _request: Request, _body: Any) -> Answer:
        """``POST /refresh-loras`` tells all about them."""
        return Answer.of_json({
            lora.name: {
                "shorthash": lora.short_hash[:8], "hash": lora.short_hash, "name": lora.name,
                "filename": f"{ROOT}/Lora/{lora.file}", "fullname": lora.name,
                "metadata": lora.metadata, "is_safetensors": True, "alias": lora.alias,
                "sd_version": "sd1",
            }
            for lora in self.catalog.loras
        })  # fmt: skip

    def checkpoint(self, _request: Request, _body: Any) -> Answer:
        """``GET /checkpoint``: what is loaded."""
        if self.loaded is None:
            return Answer.of_json({"type": None, "class": None})
        return Answer.of_json({
            **self.lists["checkpoint"], "checkpoint": self.loaded.path,
            "title": self.title(self.loaded), "name": self.plain_name(self.loaded),
            "filename": self.loaded.path, "hash": self.loaded.short_hash,
        })  # fmt: skip

    def cmd_flags(self, _request: Request, _body: Any) -> Answer:
        """``GET /cmd-flags``: shows the password."""
        return Answer.of_json({**self.lists["cmd-flags"], "auth": self.settings.auth})

    def upscale_broken(self, _request: Request, body: dict[str, Any]) -> Answer:
        """The upscaling of this version fails after the work (recordings extra-*)."""
        pictures = body.get("imageList")
        for text in [item["data"] for item in pictures] if pictures else [body["image"]]:
            self.opened(text)
        model = "ResProcessBatch" if pictures else "ResProcessImage"
        raise ServerException("ValidationError", NO_HTML.format(model=model))

    def set_checkpoint(self, request: Request, _body: Any) -> Answer:
        """``POST /checkpoint?sd_model_checkpoint=…``: for everybody, as ``/options``."""
        with self.queue.turn(Job("options", "options")) as job:
            self.load_or_unload(unquote(request.query.get("sd_model_checkpoint", "")), job)
        return Answer.of_json({"ok": self.loaded is not None})

    def unload(self, _request: Request, _body: Any) -> Answer:
        """``POST /unload-checkpoint``: no body."""
        self.loaded = None
        return Answer(204)

    def reload(self, _request: Request, _body: Any) -> Answer:
        """``POST /reload-checkpoint``: no body."""
        self.loaded = self.resolved(self.options["sd_model_checkpoint"])
        return Answer(204)

    def png_info(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /png-info``: plain pairs, and the text among the items."""
        text = picturefiles.parameters_in(self.opened(body["image"]))
        pairs = infotext.pairs(text)
        items = {"parameters": text} if text else {}
        return Answer.of_json({"info": text, "items": items, "parameters": pairs})
