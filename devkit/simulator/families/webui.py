"""AUTOMATIC1111's web UI and what its descendants kept: options, models, tasks, generations."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import infotext, picturefiles
from devkit.simulator.catalog import Checkpoint
from devkit.simulator.families.base import HTTPError, ServerException
from devkit.simulator.families.controlnet import ADetailer, ControlNet
from devkit.simulator.families.fastapi import ANY_OBJECT, FastAPIServer
from devkit.simulator.families.generation import (
    Generation,
    counted,
    grid_of,
    mask_of,
    named_embeddings,
    styled,
    tagged_loras,
)
from devkit.simulator.families.limits import check_numbers, largest_multiple
from devkit.simulator.families.postprocess import Postprocessing
from devkit.simulator.families.progress import Progress
from devkit.simulator.jobs import Job
from devkit.simulator.painter import weighed_down
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request

SAMPLES_FORMATS = ("png", "jpg", "jpeg", "webp")
NO_CHECKPOINT = (
    "No checkpoints found. When searching for checkpoints, looked at:\n"
    " - file /srv/webui/model.ckpt\n - directory /srv/webui/empty/Stable-diffusion"
    "Can't run without a checkpoint. Find and place a .ckpt or .safetensors file into any of "
    "those locations."
)

REPLAYED: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("seed", "Seed", int),
    ("steps", "Steps", int),
    ("sampler_name", "Sampler", str),
    ("scheduler", "Schedule type", str),
    ("cfg_scale", "CFG scale", float),
    ("width", "Size-1", int),
    ("height", "Size-2", int),
    ("denoising_strength", "Denoising strength", float),
)
"""Fields that ``infotext`` fills, the names of its parameters, and their types."""


class WebUI(FastAPIServer):
    """A server whose API descends from A1111's."""

    version: ClassVar[str]
    cfg_text: ClassVar[str] = "unsupported operand type(s) for *: 'NoneType' and 'float'"
    lists_served: ClassVar[tuple[str, ...]] = ()
    remembers_tasks: ClassVar[bool] = True
    default_format: ClassVar[str] = "png"
    empty_sources: ClassVar[tuple[str, str]] = (
        "RuntimeError",
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [0]",
    )
    wrong_clip_skip: ClassVar[tuple[str, str]] = (
        "TypeError",
        "bad operand type for unary -: 'str'",
    )

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """The server just started: its first checkpoint is loaded, no option was ever saved."""
        super().__init__(settings)
        self.options: dict[str, Any] = dict(self.lists["options"])
        self.saved: set[str] = {"sd_model_checkpoint", "sd_checkpoint_hash"}
        self.loaded: Checkpoint | None = None
        self.progress = Progress(self.queue)
        self.postprocessing = Postprocessing(self)
        self.start()
        for name in self.lists_served:
            self.add("GET", f"/sdapi/v1/{name}", self.lists[name])
        self.add_routes()
        for extension in self.extensions():
            extension.add_routes()

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

    # Endpoints

    def add_routes(self) -> None:
        """The endpoints that A1111 and its descendants have in common."""
        for kind in ("txt2img", "img2img"):
            self.add("POST", f"/sdapi/v1/{kind}", self.generating(kind), model=kind)
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
        self.postprocessing.add_routes()
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

    # Options and models

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

    # Generations

    def generating(self, kind: str) -> Callable[[Request, Any], Answer]:
        """The handler of ``/txt2img`` or ``/img2img``."""

        def handler(request: Request, values: Any) -> Answer:
            if values.get("infotext"):
                self.replay_infotext(values, set(request.json))
            return self.generate(kind, values)

        return handler

    def generate(self, kind: str, values: dict[str, Any]) -> Answer:
        """Check what the server checks at once, wait for the turn, make the pictures, answer."""
        self.check_scripts(kind, values)
        mask = self.opened(values["mask"]) if values.get("mask") else None
        if kind == "img2img" and values["init_images"] is None:
            raise HTTPError(404, "Init image not found")
        job = Job(
            task=values.get("force_task_id") or new_task(kind),
            kind=kind,
            prompt=values["prompt"] or "",
            seed=values["seed"],
            steps=values["steps"] or 0,
        )
        with self.queue.turn(job):
            sources = [self.opened(text) for text in values.get("init_images") or []]
            self.queue.begin(job)
            try:
                done = self.with_overrides(kind, values, job, sources, mask)
                # The pictures are encoded after the options were put back, so samples_format
                # counts only where it leaks (recordings txt2img-leak-4 and -5).
                return self.answered(done)
            finally:
                self.queue.end(job)

    def replay_infotext(self, values: dict[str, Any], given: set[str]) -> None:
        """Fill fields from ``infotext``; those the request gives itself win."""
        read = infotext.read(values["infotext"])
        wanted = {
            "prompt": read["Prompt"],
            "negative_prompt": read["Negative prompt"],
            "hr_checkpoint_name": read["Hires checkpoint"],
            "hr_sampler_name": read["Hires sampler"],
            "hr_scheduler": read["Hires schedule type"],
        }
        for field, key, kind in REPLAYED:
            if key in read:
                wanted[field] = kind(read[key])
        values.update({k: v for k, v in wanted.items() if k not in given and k in values})
        overrides = dict(values["override_settings"] or {})
        clip_skip = int(float(read["Clip skip"]))
        if clip_skip != self.options["CLIP_stop_at_last_layers"]:
            overrides.setdefault("CLIP_stop_at_last_layers", clip_skip)
        values["override_settings"] = overrides

    def opened(self, text: Any) -> Image.Image:
        """A picture of the request. Raises HTTPError as the server does for a bad one."""
        if isinstance(text, str) and text.startswith(("http://", "https://")):
            raise HTTPError(500, "Request to local resource not allowed")
        try:
            return picturefiles.from_base64(text)
        except (ValueError, TypeError, AttributeError) as problem:
            raise HTTPError(500, "Invalid encoded image") from problem

    def check_scripts(self, kind: str, values: dict[str, Any]) -> None:
        """Raise for scripts the server does not have."""
        available = [name.lower() for name in self.lists["scripts"][kind]]
        alwayson = self.alwayson_names()
        name = values.get("script_name")
        if name and name.lower() not in available:
            raise HTTPError(422, f"Script '{name}' not found")
        if name and not values.get("script_args"):
            raise ServerException("ValueError", "Unknown prompt type start")
        for title, unit in (values.get("alwayson_scripts") or {}).items():
            if title.lower() in alwayson:
                if not isinstance(unit, dict):
                    text = f"argument of type '{type(unit).__name__}' is not iterable"
                    raise ServerException("TypeError", text)
            elif title.lower() in available:
                raise HTTPError(
                    422, "Cannot have a selectable script in the always on scripts params"
                )
            else:
                raise HTTPError(422, f"Script '{title}' not found")

    def alwayson_names(self) -> set[str]:
        """Names, in lower case, that ``alwayson_scripts`` may hold."""
        names = {item["name"] for item in self.lists["script-info"] if item["is_alwayson"]}
        return names | set(self.settings.extensions)

    def with_overrides(
        self, kind: str, values: dict[str, Any], job: Job,
        sources: list[Image.Image], mask: Image.Image | None,
    ) -> Generation:  # fmt: skip
        """Apply ``override_settings``, generate, put back what had been saved before.

        Options that were never saved stay as the request set them (recordings txt2img-leak-*).
        """
        overrides = dict(values.get("override_settings") or {})
        before = {key: self.options[key] for key in overrides if key in self.saved}
        try:
            if self.resolved(overrides.get("sd_model_checkpoint")) is None:
                if overrides.pop("sd_model_checkpoint", overrides) is not overrides:
                    self.dropped_override(values)
                self.load(self.resolved(self.options["sd_model_checkpoint"]), job)
            for key, value in overrides.items():
                if key not in self.options:
                    raise ServerException("KeyError", repr(key))
                self.override(key, value)
                if key == "sd_model_checkpoint":
                    self.load(self.resolved(value), job)
            return self.processed(kind, values, job, sources, mask)
        finally:
            if values["override_settings_restore_afterwards"]:
                self.options.update(before)

    def override(self, key: str, value: Any) -> None:
        """Take one override for the request at hand."""
        self.options[key] = value

    def dropped_override(self, values: dict[str, Any]) -> None:
        """What becomes of the echo when the model of an override is unknown."""

    def processed(
        self, kind: str, values: dict[str, Any], job: Job,
        sources: list[Image.Image], mask: Image.Image | None,
    ) -> Generation:  # fmt: skip
        """Prepare, sample batch by batch."""
        model = self.load(self.loaded, job)
        g = Generation(kind, values, job, model, models=[model], sources=sources)
        self.prepare(g, mask)
        job.model, job.seed = model.file, g.seeds[0]
        self.sample(g)
        return g

    def prepare(self, g: Generation, mask: Image.Image | None) -> None:
        """Resolve names and numbers. Raises ServerException where the server fails."""
        values = g.values
        check_numbers(values, cfg_text=self.cfg_text)
        clip_skip = self.options.get("CLIP_stop_at_last_layers", 1)
        if isinstance(clip_skip, str):
            raise ServerException(*self.wrong_clip_skip)
        g.clip_skip = clip_skip
        count = values["batch_size"] * values["n_iter"]
        g.job.batches = values["n_iter"]
        g.size = largest_multiple((values["width"], values["height"]))
        g.seeds = counted(values["seed"], count, constant=bool(values["subseed_strength"]))
        g.subseeds = counted(values["subseed"], count)
        g.styles = list(values["styles"] or [])
        self.apply_styles(g)
        g.loras = tagged_loras(g.prompt, self.catalog)
        g.embeddings = named_embeddings(g.prompt + " " + g.negative_prompt, self.catalog)
        g.vae = self.options["sd_vae"] if self.options["sd_vae"] in self.catalog.vaes else None
        g.sampler, g.scheduler = self.sampling(values)
        self.prepare_hires(g)
        if values.get("refiner_checkpoint"):
            self.known(values["refiner_checkpoint"])
        if g.kind == "img2img":
            self.prepare_sources(g, mask)
        if g.scheduler:
            g.extra["Schedule type"] = g.scheduler
        if g.embeddings:
            g.extra.update(self.embedding_notes(g))
        if g.loras:
            g.extra["Lora hashes"] = ", ".join(f"{k}: {v}" for k, v in g.loras.items())
        for extension in self.extensions():
            extension.apply(g)

    def embedding_notes(self, g: Generation) -> dict[str, str]:
        """What the infotext tells of textual inversions."""
        return {"TI hashes": ", ".join(f"{k}: {v}" for k, v in g.embeddings.items())}

    def read_parameters(self, parameters: dict[str, Any]) -> None:
        """What ``/png-info`` returns beside A1111's."""

    def extensions(self) -> list[Any]:
        """The extensions that are switched on."""
        known = {"controlnet": ControlNet(self, forge=False), "adetailer": ADetailer(self)}
        return [known[name] for name in self.settings.extensions if name in known]

    def apply_styles(self, g: Generation) -> None:
        """Put the texts of known styles into the prompts; unknown ones do nothing."""
        by_name = {style["name"]: style for style in self.catalog.styles}
        chosen = [by_name[name] for name in g.styles if name in by_name]
        g.prompt = styled(g.values["prompt"], [style["prompt"] or "" for style in chosen])
        g.negative_prompt = styled(
            g.values["negative_prompt"] or "",
            [style["negative_prompt"] or "" for style in chosen],
        )

    def sampling(self, values: dict[str, Any]) -> tuple[str, str | None]:
        """Sampler and scheduler label; None when the sampler decides ("Automatic").

        Unknown samplers become the first of the list (recordings txt2img-sampler-*).
        """
        name = values["sampler_name"] or values["sampler_index"] or "Euler"
        scheduler = None
        for item in self.lists["schedulers"]:
            for option in (item["label"], item["name"], *(item["aliases"] or [])):
                if scheduler is None and name.endswith(f" {option}"):
                    scheduler, name = item["label"], name.removesuffix(f" {option}")
        by_name = {item["name"]: item for item in self.lists["samplers"]}
        sampler = by_name.get(name) or self.lists["samplers"][0]
        wanted = values.get("scheduler") or ""
        labels = {
            key: item["label"]
            for item in self.lists["schedulers"]
            for key in (item["label"], item["name"], *(item["aliases"] or []))
        }
        scheduler = labels.get(wanted) if wanted else scheduler
        if scheduler in (None, "Automatic"):
            scheduler = labels.get(sampler["options"].get("scheduler", ""))
        return sampler["name"], scheduler

    def known(self, name: str) -> Checkpoint:
        """A checkpoint for hires fix or refiner. Raises ServerException when there is none."""
        found = self.resolved(name)
        if found is None:
            raise ServerException("Exception", f"Could not find checkpoint with name {name}")
        return found

    def prepare_hires(self, g: Generation) -> None:
        """Hires fix: needs an upscaler and a denoising strength."""
        values = g.values
        if not values.get("enable_hr"):
            return
        self.check_hires_names(values)
        upscaler = values["hr_upscaler"]
        sampler = values["hr_sampler_name"]
        names = {item["name"] for item in self.lists["samplers"]} | {"Use same sampler"}
        if sampler and sampler not in names:
            raise ServerException("AssertionError", f"bad sampler name: {sampler}")
        if values["denoising_strength"] is None:
            text = "'>' not supported between instances of 'NoneType' and 'int'"
            raise ServerException("TypeError", text)
        wide, high = values["hr_resize_x"], values["hr_resize_y"]
        g.extra["Denoising strength"] = values["denoising_strength"]
        for name in ("Hires prompt", "Hires negative prompt", "Hires schedule type"):
            g.extra[name] = None
        if wide or high:
            size = (wide or g.size[0] * high // g.size[1], high or g.size[1] * wide // g.size[0])
            g.extra["Hires resize"] = f"{wide}x{high}"
        else:
            scale = values["hr_scale"]
            g.extra["Hires upscale"] = scale
            size = (int(g.size[0] * scale), int(g.size[1] * scale))
        if values["hr_second_pass_steps"]:
            g.extra["Hires steps"] = values["hr_second_pass_steps"]
        if upscaler is not None:
            g.extra["Hires upscaler"] = upscaler
        g.final_size = largest_multiple(size)

    def check_hires_names(self, values: dict[str, Any]) -> None:
        """Raise for a checkpoint or an upscaler that does not exist."""
        name = values["hr_checkpoint_name"]
        if name and name != "Use same checkpoint":
            self.known(name)
        upscalers = {item["name"] for item in self.lists["upscalers"]}
        latent = {item["name"] for item in self.lists["latent-upscale-modes"]}
        upscaler = values["hr_upscaler"]
        if upscaler is not None and upscaler not in upscalers | latent:
            raise ServerException("Exception", f"could not find upscaler named {upscaler}")

    def prepare_sources(self, g: Generation, mask: Image.Image | None) -> None:
        """img2img: as many pictures as the batch holds, or one; a mask for inpainting."""
        if not g.sources:
            raise ServerException(*self.empty_sources)
        if len(g.sources) > g.values["batch_size"]:
            text = (
                f"bad number of images passed: {len(g.sources)}; "
                f"expecting {g.values['batch_size']} or less"
            )
            raise ServerException("RuntimeError", text)
        g.sources = [fitted(image, g.size, g.values["resize_mode"]) for image in g.sources]
        g.extra["Denoising strength"] = g.values["denoising_strength"]
        if mask is None:
            return
        blur = g.values["mask_blur"] if g.values["mask_blur"] is not None else 4
        g.mask = mask_of(
            fitted(mask, g.size, g.values["resize_mode"], "RGBA" if mask.mode == "RGBA" else "RGB"),
            invert=bool(g.values["inpainting_mask_invert"]), blur=blur,
        )  # fmt: skip
        if blur:
            g.extra["Mask blur"] = blur
        if g.values["inpainting_mask_invert"]:
            g.extra["Mask mode"] = "Inpaint not masked"
        if g.values["inpaint_full_res"]:
            g.extra["Inpaint area"] = "Only masked"
            g.extra["Masked area padding"] = g.values["inpaint_full_res_padding"]
        contents = {0: "fill", 2: "latent noise", 3: "latent nothing"}
        if g.values["inpainting_fill"] in contents:
            g.extra["Masked content"] = contents[g.values["inpainting_fill"]]

    def sample(self, g: Generation) -> None:
        """Draw batch by batch; stop when interrupted, with what there is."""
        size = g.values["batch_size"]
        steps = g.values["steps"]
        if g.kind == "img2img":
            strength = g.values["denoising_strength"]
            steps = max(1, round(steps * min(1.0, 0.75 if strength is None else strength)))
        for batch in range(g.values["n_iter"]):
            if g.job.interrupted:
                return
            g.job.batch = batch
            g.job.next_batch()
            if batch:
                # Somebody may have changed the model for all meanwhile.
                g.models.append(self.load(self.resolved(self.current_model()), g.job))
            whole = g.job.sample(steps, self.settings.step_seconds)
            if whole and g.final_size:
                whole = g.job.sample(
                    g.values["hr_second_pass_steps"] or steps, self.settings.step_seconds
                )
            share = 1.0 if whole else g.job.step / max(steps, 1)
            for index in range(batch * size, (batch + 1) * size):
                g.pictures.append(g.draw(index, min(share, 0.99) if not whole else 1.0))

    def current_model(self) -> Any:
        """What the options say now."""
        return self.options["sd_model_checkpoint"]

    # The answer

    def answered(self, g: Generation) -> Answer:
        """``images``, ``parameters`` and ``info`` of a finished generation."""
        texts = self.infotexts(g)
        pictures, first = list(g.pictures), 0
        if len(pictures) > 1 and g.values["save_images"] and self.options.get("return_grid", True):
            pictures.insert(0, grid_of(pictures))
            texts.insert(0, self.grid_text(g, texts[0]))
            first = 1
        files = [
            self.file(picture, texts[number] if number < len(texts) else None, g.seeds[0])
            for number, picture in enumerate([*pictures, *g.appended])
        ]
        info = self.info(g, texts or [self.infotext(g, 0)], first)
        images = [picturefiles.to_base64(file) for file in files]
        return Answer.of_json({
            "images": images if g.values["send_images"] else [],
            "parameters": self.echo(g),
            "info": self.info_text(info),
        })  # fmt: skip

    def infotexts(self, g: Generation) -> list[str]:
        """One for each picture."""
        return [self.infotext(g, index) for index in range(len(g.pictures))]

    def grid_text(self, _g: Generation, text: str) -> str:
        """The grid's infotext: that of the first picture."""
        return text

    def info_text(self, info: dict[str, Any]) -> str:
        """The ``info`` field."""
        return infotext.json_line(info)

    def file(self, picture: Image.Image, text: str | None, seed: int) -> bytes:
        """The picture as the server's options want it. Raises HTTPError for unknown formats."""
        form = str(self.options["samples_format"]).lower()
        if form not in SAMPLES_FORMATS:
            raise HTTPError(500, "Invalid image format")
        if self.settings.png_bytes:
            picture = weighed_down(picture, self.settings.png_bytes, seed)
        noted = text if self.options.get("enable_pnginfo", True) else None
        return picturefiles.encode(picture, noted, form)

    def echo(self, g: Generation) -> dict[str, Any]:
        """``parameters``: what was asked, without the pictures."""
        values = dict(g.values)
        if g.kind == "img2img" and not values["include_init_images"]:
            values["init_images"] = values["mask"] = None
        return values

    def infotext(self, g: Generation, index: int) -> str:
        """The infotext of picture number ``index``."""
        return infotext.written(g.prompt, g.negative_prompt, self.parameters(g, index))

    def parameters(self, g: Generation, index: int) -> dict[str, Any]:
        """The last line of the infotext in A1111's order."""
        values = g.values
        rest = {k: v for k, v in g.extra.items() if k not in ("Schedule type",)}
        strength = values["subseed_strength"] or None
        return {
            "Steps": values["steps"],
            "Sampler": g.sampler,
            "Schedule type": g.scheduler or "Automatic",
            "CFG scale": values["cfg_scale"],
            "Seed": g.seeds[index],
            "Face restoration": self.options["face_restoration_model"]
            if values["restore_faces"] else None,
            "Size": f"{values['width']}x{values['height']}",
            "Model hash": g.model.short_hash,
            "Model": g.model.stem,
            "VAE hash": short_vae_hash(g.vae) if g.vae else None,
            "VAE": g.vae,
            "Variation seed": g.subseeds[index] if strength else None,
            "Variation seed strength": strength,
            "Denoising strength": rest.pop("Denoising strength", None),
            "Clip skip": None if g.clip_skip in (0, 1) else g.clip_skip,
            "Tiling": "True" if values["tiling"] else None,
            **rest,
            "Version": self.version,
        }  # fmt: skip

    def info(self, g: Generation, texts: list[str], first: int) -> dict[str, Any]:
        """What ``info`` holds, in A1111's order."""
        values, count = g.values, len(g.seeds)
        return {
            "prompt": g.prompt,
            "all_prompts": [g.prompt] * count,
            "negative_prompt": g.negative_prompt,
            "all_negative_prompts": [g.negative_prompt] * count,
            "seed": g.seeds[0],
            "all_seeds": g.seeds,
            "subseed": g.subseeds[0],
            "all_subseeds": g.subseeds,
            "subseed_strength": values["subseed_strength"],
            "width": values["width"],
            "height": values["height"],
            "sampler_name": g.sampler,
            "cfg_scale": values["cfg_scale"],
            "steps": values["steps"],
            "batch_size": values["batch_size"],
            "restore_faces": bool(values["restore_faces"]),
            "face_restoration_model": self.options["face_restoration_model"]
            if values["restore_faces"] else None,
            "sd_model_name": g.model.stem,
            "sd_model_hash": g.model.short_hash,
            "sd_vae_name": g.vae,
            "sd_vae_hash": short_vae_hash(g.vae) if g.vae else None,
            "seed_resize_from_w": values["seed_resize_from_w"],
            "seed_resize_from_h": values["seed_resize_from_h"],
            "denoising_strength": values["denoising_strength"],
            "extra_generation_params": g.extra,
            "index_of_first_image": first,
            "infotexts": texts,
            "styles": g.styles,
            "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
            "clip_skip": g.clip_skip,
            "is_using_inpainting_conditioning": False,
            "version": self.version,
        }  # fmt: skip


def new_task(kind: str) -> str:
    """A task id as the server makes one up: ``task(txt2img-1A2B3C4)``."""
    letters = string.ascii_uppercase + string.digits
    return f"task({kind}-{''.join(secrets.choice(letters) for _ in range(7))})"


def short_vae_hash(name: str) -> str:
    """Ten digits that follow from the name; the recorded one for the recorded file."""
    from hashlib import sha256

    known = {"random-vae.safetensors": "5cc7267401"}
    return known.get(name) or sha256(name.encode()).hexdigest()[:10]


def fitted(image: Image.Image, size: tuple[int, int], mode: Any, kind: str = "RGB") -> Image.Image:
    """A source picture at the size asked for: stretched (0), cropped (1) or padded (2)."""
    from PIL import ImageOps

    image = image.convert(kind)
    if mode == 1:
        return ImageOps.fit(image, size)
    if mode == 2:
        return ImageOps.pad(image, size)
    return image.resize(size)
