"""AUTOMATIC1111's web UI and what its descendants kept: how a generation runs and is told."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import infotext, picturefiles
from devkit.simulator.families.base import HTTPError, ServerException
from devkit.simulator.families.generation import Generation, grid_of
from devkit.simulator.families.postprocess import Postprocessing
from devkit.simulator.families.preparing import Preparing
from devkit.simulator.jobs import Job
from devkit.simulator.painter import weighed_down
from devkit.simulator.wire import Answer, Request

SAMPLES_FORMATS = ("png", "jpg", "jpeg", "webp")
RECORDED_VAE = {"random-vae.safetensors": "5cc7267401"}

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


class WebUI(Preparing):
    """A server whose API descends from A1111's."""

    version: ClassVar[str]

    def add_routes(self) -> None:
        """Generations, postprocessing and extensions beside the lists."""
        super().add_routes()
        for kind in ("txt2img", "img2img"):
            self.add("POST", f"/sdapi/v1/{kind}", self.generating(kind), model=kind)
        Postprocessing(self).add_routes()
        for extension in self.extensions():
            extension.add_routes()

    def generating(self, kind: str) -> Callable[[Request, Any], Answer]:
        """The handler of ``/txt2img`` or ``/img2img``."""

        def handler(request: Request, values: Any) -> Answer:
            if values.get("infotext"):
                self.replay_infotext(values, set(request.json))
            return self.generate(kind, values)

        return handler

    def generate(self, kind: str, values: dict[str, Any]) -> Answer:
        """Check what the server checks at once, wait for the turn, make the images, answer."""
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
                # The images are encoded after the options were put back, so samples_format
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
        """One for each image."""
        return [self.infotext(g, index) for index in range(len(g.pictures))]

    def grid_text(self, _g: Generation, text: str) -> str:
        """The grid's infotext: that of the first image."""
        return text

    def info_text(self, info: dict[str, Any]) -> str:
        """The ``info`` field."""
        return infotext.json_line(info)

    def file(self, picture: Image.Image, text: str | None, seed: int) -> bytes:
        """The image as the server's options want it. Raises HTTPError for unknown formats."""
        form = str(self.options["samples_format"]).lower()
        if form not in SAMPLES_FORMATS:
            raise HTTPError(500, "Invalid image format")
        if self.settings.png_bytes:
            picture = weighed_down(picture, self.settings.png_bytes, seed)
        noted = text if self.options.get("enable_pnginfo", True) else None
        return picturefiles.encode(picture, noted, form)

    def echo(self, g: Generation) -> dict[str, Any]:
        """``parameters``: what was asked, without the images."""
        values = dict(g.values)
        if g.kind == "img2img" and not values["include_init_images"]:
            values["init_images"] = values["mask"] = None
        return values

    def read_parameters(self, parameters: dict[str, Any]) -> None:
        """What ``/png-info`` returns beside A1111's."""

    def infotext(self, g: Generation, index: int) -> str:
        """The infotext of image number ``index``."""
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
    return RECORDED_VAE.get(name) or sha256(name.encode()).hexdigest()[:10]
