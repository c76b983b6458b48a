"""SD.Next of July 2026: the same paths, another program behind them."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import unquote

from PIL import Image

from devkit.simulator import infotext, painter, picturefiles
from devkit.simulator.catalog import Checkpoint
from devkit.simulator.families.base import GENERATIONS, HTTPError, ServerException
from devkit.simulator.families.generation import Generation, counted, mask_of
from devkit.simulator.families.webui import WebUI, fitted
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
RESIZE_MODES = {1: "Fixed", 2: "Crop", 3: "Fill", 4: "Outpaint", 5: "Context"}
CAPTION_PARTS = (
    "medium", "artist", "movement", "trending", "flavor", "tags", "scores", "answer",
    "annotated_image",
)  # fmt: skip
LATENT = ("Latent", "Latent Nearest", "Latent Bilinear", "Latent Bicubic", "Latent Area")


class SDNext(WebUI):
    """Samplers by name or 404, JPEG by default, 200 without pictures after failures."""

    name = "sdnext"
    data_name = "sdnext"
    version = "unknown"
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
        self.add("GET", "/sdapi/v1/motd", self.lists["motd"])
        self.add("GET", "/sdapi/v1/log", ["2026-07-23 12:00:00 | INFO | Server start"] * 2)
        self.add("GET", "/sdapi/v1/schedulers", self.schedulers)
        self.add("GET", "/sdapi/v1/scripts", self.lists["scripts"])
        self.add("GET", "/sdapi/v1/vqa/models", self.lists["vqa_models"])
        self.add("GET", "/sdapi/v1/vqa/prompts", self.lists["vqa_prompts"])
        self.add("GET", "/sdapi/v1/tagger/models", self.lists["tagger_models"])
        self.add("GET", "/sdapi/v1/openclip", ["ViT-L-14/openai", "ViT-H-14/laion2b_s32b_b79k"])
        self.add("POST", "/sdapi/v1/openclip", self.openclip, model="openclip")
        self.add("POST", "/sdapi/v1/caption", self.caption, model="any object")
        self.add("POST", "/sdapi/v1/vqa", self.vqa, model="vqa")
        self.add("POST", "/sdapi/v1/tagger", self.tagger, model="tagger")
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

    # Errors

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

    # Lists and options

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

    # Captions

    def openclip(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /openclip``."""
        self.caption_source(body)
        if body.get("model", "clip") in ("nope", ""):
            raise HTTPError(404, "Model not found")
        text = self.described(body)
        return Answer.of_json({
            "caption": text, "medium": None, "artist": None, "movement": None, "trending": None,
            "flavor": None,
        })  # fmt: skip

    def described(self, body: dict[str, Any]) -> str:
        """A caption; the recorded server had no weights for one."""
        image = self.caption_source(body)
        if self.settings.catalog == "recorded":
            return "CLIP error: <class 'OSError'>"
        return painter.described(image)

    def caption_source(self, body: dict[str, Any]) -> Image.Image:
        """The picture to describe."""
        if not body.get("image"):
            raise HTTPError(404, "Image not found")
        return self.opened(body["image"])

    def caption(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /caption``: the ``backend`` decides."""
        backends = ("openclip", "tagger", "vlm", "analyze")
        if body.get("backend") not in backends:
            return Answer.of_json({"detail": [self.no_backend(body, backends)]}, 422)
        text = self.described(body)
        blank = dict.fromkeys(CAPTION_PARTS)
        return Answer.of_json({"backend": body["backend"], "caption": text, **blank})

    def no_backend(self, body: dict[str, Any], backends: tuple[str, ...]) -> dict[str, Any]:
        """The complaint of pydantic 2 about a missing or unknown tag."""
        if "backend" not in body:
            text = "Unable to extract tag using discriminator 'backend'"
            return {
                "type": "union_tag_not_found", "loc": ["body"], "msg": text, "input": body,
                "ctx": {"discriminator": "'backend'"},
            }  # fmt: skip
        expected = ", ".join(f"'{name}'" for name in backends)
        text = (
            f"Input tag '{body['backend']}' found using 'backend' does not match any of the "
            f"expected tags: {expected}"
        )
        return {
            "type": "union_tag_invalid", "loc": ["body"], "msg": text, "input": body,
            "ctx": {
                "discriminator": "'backend'", "tag": body["backend"], "expected_tags": expected,
            },
        }  # fmt: skip

    def vqa(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /vqa``: a question about a picture."""
        return Answer.of_json({
            "answer": painter.described(self.caption_source(body)), "annotated_image": None,
        })  # fmt: skip

    def tagger(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /tagger``: tags, separated by commas."""
        words = painter.described(self.caption_source(body)).replace(" with a ", " ").split()
        recorded = self.settings.catalog == "recorded"
        tags = "" if recorded else ", ".join(words[1:])
        return Answer.of_json({"tags": tags, "scores": None})

    # Generations

    def generate(self, kind: str, values: dict[str, Any]) -> Answer:
        """As ``WebUI``; samplers are checked before the queue, and no model is a 200."""
        values["sampler_name"] = self.sampler(values)
        if kind == "img2img" and values["init_images"] is None:
            return Answer.of_json({"error": "Init image is none"}, 400)
        try:
            return super().generate(kind, values)
        except NoModel:
            echo = {**values, "init_images": None, "mask": None}
            return Answer.of_json({"images": [], "parameters": echo, "info": ""})

    def sampler(self, values: dict[str, Any]) -> str:
        """The sampler's name in the list's spelling; raises HTTPError 404."""
        name = values["sampler_name"]
        for item in self.samplers:
            if isinstance(name, str) and item["name"].lower() == name.lower():
                found: str = item["name"]
                return found
        if name == "Default":
            return "Default"
        raise HTTPError(404, "Sampler not found")

    def check_scripts(self, kind: str, values: dict[str, Any]) -> None:
        """Unknown always-on scripts are a 422, unknown selectable ones are ignored."""
        del kind
        known = {name.lower() for names in self.lists["scripts"].values() for name in names if name}
        for title in values.get("alwayson_scripts") or {}:
            if title.lower() not in known:
                raise HTTPError(422, f"Always on script not found: {title}")

    def opened(self, text: Any) -> Image.Image:
        """A picture of the request; URLs are no pictures here."""
        if isinstance(text, str) and text.startswith("http"):
            raise HTTPError(500, "Invalid encoded image")
        return super().opened(text)

    def with_overrides(
        self, kind: str, values: dict[str, Any], job: Job,
        sources: list[Image.Image], mask: Image.Image | None,
    ) -> Generation:  # fmt: skip
        """Overrides of unknown options are dropped; everything is put back afterwards."""
        if values["sd_model_checkpoint"]:
            # Not an override but a switch for everybody (recording txt2img-top-level-…).
            self.load_or_unload(values["sd_model_checkpoint"], job)
        overrides = values.get("override_settings") or {}
        before = {k: v for k, v in self.options.items() if k in overrides}
        try:
            for key, value in overrides.items():
                if key == "sd_model_checkpoint":
                    if value is None:
                        raise ServerException("TypeError", "'NoneType' object is not callable")
                    found = self.resolved(value)
                    if found is not None:
                        self.load(found, job)
                        self.options[key] = value
                elif key in self.options:
                    self.options[key] = value
            return self.processed(kind, values, job, sources, mask)
        finally:
            if values["override_settings_restore_afterwards"]:
                self.options.update(before)
                if "sd_model_checkpoint" in before:
                    self.load_or_unload(before["sd_model_checkpoint"], job)

    def prepare(self, g: Generation, mask: Image.Image | None) -> None:
        """Resolve names and numbers in SD.Next's way."""
        values = g.values
        self.check(values)
        g.size = (block(values["width"]), block(values["height"]))
        count = values["batch_size"] * values["n_iter"]
        g.job.batches = values["n_iter"]
        g.seeds = counted(values["seed"], count, constant=bool(values["subseed_strength"]))
        g.subseeds = counted(values["subseed"], count)
        g.clip_skip = values["clip_skip"] or 1
        g.styles = list(values["styles"] or [])
        self.apply_styles(g)
        g.prompt = g.prompt.strip()
        g.sampler = values["sampler_name"]
        g.vae = (
            self.options.get("sd_vae") if self.options.get("sd_vae") in self.catalog.vaes else None
        )
        names = [
            lora.name
            for lora in self.catalog.loras
            if re.search(rf"<lora:{re.escape(lora.name)}[:>]", g.prompt)
        ]
        if names:
            g.extra["LoRA networks"] = ", ".join(names)
        if g.kind == "img2img" and g.sources:
            self.prepare_sources(g, mask)
        if values["enable_hr"]:
            self.prepare_hires(g)

    def check(self, values: dict[str, Any]) -> None:
        """Raise what SD.Next raises for missing numbers."""
        if values["prompt"] is None:
            raise ServerException("AssertionError")
        for name, text in (
            ("batch_size", "unsupported operand type(s) for *: 'NoneType' and 'int'"),
            ("n_iter", "unsupported operand type(s) for *: 'int' and 'NoneType'"),
            ("cfg_scale", "'>' not supported between instances of 'NoneType' and 'int'"),
            ("seed", NO_INT),
            ("steps", NO_INT),
        ):
            if values[name] is None:
                raise ServerException("TypeError", text)
        if not values["batch_size"] or not values["n_iter"]:
            raise ServerException("IndexError", "list index out of range")
        if values["width"] == values["height"] == 8:
            raise ServerException("TypeError", "Cannot handle this data type: (1, 1, 1), |u1")
        if values["seed"] >= 2**63:
            raise ServerException("TypeError", "Integer exceeds 64-bit range")

    def prepare_sources(self, g: Generation, mask: Image.Image | None) -> None:
        """img2img: without a resize mode the picture's own size counts."""
        mode = g.values["resize_mode"]
        if mode not in range(7):
            raise ServerException("IndexError", "list index out of range")
        first = g.sources[0]
        if mode == 0 and first.size != (g.values["width"], g.values["height"]):
            wide, high = (-(-side // 8) * 8 for side in first.size)
            same = g.values["width"] % 8 or g.values["height"] % 8
            g.size = g.size if same else (wide, high)
        hashed = hashlib.sha256(first.tobytes()).hexdigest()[:8]
        g.late["Init image size"] = f"{first.width}x{first.height}"
        g.late["Init image hash"] = hashed
        g.late["Denoising strength"] = g.values["denoising_strength"]
        if mode in RESIZE_MODES:
            g.late["Resize mode"] = RESIZE_MODES[mode]
        g.sources = [fitted(image, g.size, 0) for image in g.sources[: g.values["batch_size"]]]
        if mask is not None:
            g.mask = mask_of(
                fitted(mask, g.size, 0, "RGBA" if mask.mode == "RGBA" else "RGB"),
                invert=bool(g.values["inpainting_mask_invert"]), blur=g.values["mask_blur"] or 0,
            )  # fmt: skip

    def prepare_hires(self, g: Generation) -> None:
        """Upscaling needs a resize mode, a second pass a latent upscaler or force."""
        values = g.values
        mode, upscaler = values["hr_resize_mode"], values["hr_upscaler"]
        latent = upscaler in LATENT
        refine = bool(upscaler) and (latent or values["hr_force"])
        if refine or (upscaler and mode):
            g.late["Refine"] = True
        if mode:
            wide = values["hr_resize_x"] or g.size[0] * values["hr_scale"]
            high = values["hr_resize_y"] or g.size[1] * values["hr_scale"]
            g.final_size = (int(wide) // 8 * 8, int(high) // 8 * 8)
            g.late["HiRes mode"] = mode
            g.late["Hires upscaler"] = upscaler
            g.late["Hires scale"] = values["hr_scale"]
            g.late["Hires size"] = f"{g.final_size[0]}x{g.final_size[1]}"
        if refine:
            g.late["Hires force"] = True
            g.late["Hires steps"] = values["hr_second_pass_steps"]
            g.late["Hires strength"] = values["hr_denoising_strength"]
            if values["hr_sampler_name"] != "Same as primary":
                g.late["Hires sampler"] = values["hr_sampler_name"]

    def load(self, model: Checkpoint | None, job: Job) -> Checkpoint:
        """As ``WebUI``; without any model the job ends without a picture."""
        model = model or self.loaded
        if model is None:
            raise NoModel
        if model is not self.loaded:
            job.pause(self.settings.model_load_seconds)
            self.loaded = model
            model.hashed = True
        return model

    # The answer

    def answered(self, g: Generation) -> Answer:
        """As ``WebUI``; strengths above 1 fail without a word."""
        if g.kind == "img2img" and g.sources and g.values["denoising_strength"] > 1:
            g.pictures = []
        return super().answered(g)

    def infotexts(self, g: Generation) -> list[str]:
        """One for each picture, and one more after an interruption."""
        texts = super().infotexts(g)
        return [*texts, *texts[:1]] if g.job.interrupted else texts

    def echo(self, g: Generation) -> dict[str, Any]:
        """``parameters``: pictures left out."""
        return {**g.values, "init_images": None, "mask": None}

    def grid_text(self, g: Generation, text: str) -> str:
        """The grid's own infotext."""
        size = f"{g.values['n_iter']}x{g.values['batch_size']}"
        return text.replace("Index: 1x1", f"Grid: {size}")

    def infotext(self, g: Generation, index: int) -> str:
        """SD.Next's own form, with the templates the styles were put into."""
        template = f"\nTemplate: {g.values['prompt']}" if g.values["prompt"] else ""
        wanted = g.values["negative_prompt"]
        if wanted:
            template += f"\nNegative template: {wanted}"
        line = infotext.written("", "", self.parameters(g, index))
        return f"{g.prompt}\nNegative prompt: {g.negative_prompt}{template}\n{line}".strip()

    def parameters(self, g: Generation, index: int) -> dict[str, Any]:
        """The last line of the infotext."""
        values = g.values
        operations = [g.kind if g.sources or g.kind == "txt2img" else "txt2img"]
        pipeline = "StableDiffusionPipeline"
        if g.sources and values["denoising_strength"] <= 1:
            pipeline = "StableDiffusionImg2ImgPipeline"
            if g.mask is not None:
                pipeline, operations = "StableDiffusionInpaintPipeline", ["inpaint"]
        if g.final_size:
            operations.append("upscale")
        if "Hires force" in g.late:
            operations.append("hires")
        batches, size = values["n_iter"], values["batch_size"]
        return {
            "Steps": values["steps"] if values["steps"] >= 0 else None,
            "Size": f"{g.size[0]}x{g.size[1]}",
            "Sampler": g.sampler if g.sampler != "Default" else None,
            "Scheduler": scheduler_class(g.sampler),
            "Seed": g.seeds[index] if g.seeds[index] >= 0 else None,
            "CFG scale": values["cfg_scale"],
            "CFG rescale": values["cfg_rescale"],
            "CLiP-skip": g.clip_skip if g.clip_skip != 1 else None,
            "Batch": f"{batches}x{size}" if batches * size > 1 else None,
            "Styles": "; ".join(g.styles) or None,
            "App": "SD.Next",
            "Version": self.version,
            "Pipeline": pipeline,
            "Operations": "; ".join(sorted(operations)),
            "Model": g.model.stem,
            "Model hash": g.model.short_hash,
            "VAE": g.vae.rpartition(".")[0] if g.vae else None,
            "Index": f"{index // size + 1}x{index % size + 1}" if batches * size > 1 else None,
            "Variation seed": g.subseeds[index] if values["subseed_strength"] else None,
            "Variation strength": values["subseed_strength"] or None,
            **g.late,
            **g.extra,
        }

    def info(self, g: Generation, texts: list[str], first: int) -> dict[str, Any]:
        """What ``info`` holds: no model name."""
        values, count, wanted = g.values, len(g.seeds), g.values["negative_prompt"]
        return {
            "prompt": g.prompt, "all_prompts": [g.prompt] * count,
            "negative_prompt": g.negative_prompt if wanted is not None else None,
            "all_negative_prompts": [g.negative_prompt if wanted is not None else None] * count,
            "seed": g.seeds[0], "all_seeds": g.seeds, "subseed": g.subseeds[0],
            "all_subseeds": g.subseeds, "subseed_strength": values["subseed_strength"],
            "width": g.size[0], "height": g.size[1], "sampler_name": g.sampler,
            "cfg_scale": values["cfg_scale"], "cfg_end": None, "steps": values["steps"],
            "batch_size": values["batch_size"], "detailer": False, "detailer_model": None,
            "sd_model_hash": g.model.short_hash,
            "seed_resize_from_w": values["seed_resize_from_w"],
            "seed_resize_from_h": values["seed_resize_from_h"],
            "denoising_strength": values["denoising_strength"],
            "extra_generation_params": g.extra, "index_of_first_image": first,
            "infotexts": texts, "styles": g.styles,
            "job_timestamp": time.strftime("%Y%m%d%H%M%S"), "clip_skip": g.clip_skip,
        }  # fmt: skip


class NoModel(Exception):
    """Nothing is loaded: 200 with no picture and an empty info."""


NO_INT = "int() argument must be a string, a bytes-like object or a real number, not 'NoneType'"
SCHEDULERS = {
    "Euler": "EulerDiscreteScheduler", "DDIM": "DDIMScheduler", "UniPC": "UniPCMultistepScheduler",
}  # fmt: skip


def scheduler_class(sampler: str) -> str:
    """The class that stands in the infotext."""
    if sampler.startswith("DPM"):
        return "DPMSolverMultistepScheduler"
    return SCHEDULERS.get(sampler, "EulerAncestralDiscreteScheduler")


def block(side: Any) -> int:
    """A side rounded down to whole blocks; nothing usable becomes 1024."""
    if not isinstance(side, int) or side < 8:
        return 1024
    return side // 8 * 8
