"""How A1111, Forge and SD.Next make images, and what they report of them."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import imagefiles
from devkit.simulator.families.base import Body, HTTPError
from devkit.simulator.families.generation import Generation
from devkit.simulator.families.preparing import Preparing
from devkit.simulator.jobs import Job
from sdwebui.infotext.parse import build


class Generating(Preparing):
    """A WebUI that makes images, in A1111's way unless a family says otherwise."""

    version: ClassVar[str]

    def start(self) -> None:
        """Serve the generations, and what reads their parameters, beside the lists."""
        super().start()
        for kind in ("txt2img", "img2img"):
            self.post(f"/sdapi/v1/{kind}", partial(self.generate, kind), fields=kind)
        self.post("/sdapi/v1/png-info", self._png_info, fields="png-info")

    def _png_info(self, body: Body) -> Body:
        return {"info": imagefiles.parameters_in(self.opened(body["image"]))}

    def generate(self, kind: str, values: Body) -> Any:
        """Check what the server checks at once, wait for the turn, make the images, answer."""
        self.check_scripts(kind, values)
        mask = self.opened(values["mask"]) if values.get("mask") else None
        if kind == "img2img" and values["init_images"] is None:
            raise HTTPError(404, "Init image not found")
        task = values.get("force_task_id") or f"task({kind}-{secrets.token_hex(4)})"
        job = Job(task, values["prompt"], values["steps"])
        with self.queue.turn(job):
            sources = [self.opened(text) for text in values.get("init_images") or ()]
            job.has_begun = True
            with self.overridden(values):
                g = Generation(kind, values, job, self.load(self.loaded), sources, mask)
                self.prepare(g)
                self.sample(g)
            # The images are encoded after the options were put back, so samples_format
            # counts only where it leaks (recordings txt2img-leak-4 and -5).
            return self.answered(g)

    @contextmanager
    def overridden(self, values: Body) -> Iterator[None]:
        """Apply ``override_settings``, and put back afterwards what had been saved before.

        Options that were never saved stay as the request set them (recordings txt2img-leak-*).
        """
        overrides = dict(values["override_settings"] or {})
        before = {key: self.options[key] for key in overrides if key in self.saved}
        try:
            wanted = self.resolved(overrides.get("sd_model_checkpoint"))
            if wanted is None:
                overrides.pop("sd_model_checkpoint", None)
            for key, value in overrides.items():
                if key not in self.options:
                    raise self.failure("option", key)
                self.override(key, value)
            self.load(wanted or self.resolved(self.options["sd_model_checkpoint"]))
            yield
        finally:
            if values["override_settings_restore_afterwards"]:
                self.options.update(before)

    def override(self, key: str, value: Any) -> None:
        """Set one option for the request at hand."""
        self.options[key] = value

    def sample(self, g: Generation) -> None:
        """Draw batch by batch; stop when interrupted, with what there is."""
        size, steps, pause = g.values["batch_size"], g.values["steps"], self.settings.step_seconds
        second = g.values.get("hr_second_pass_steps") or steps
        if g.kind == "img2img":
            steps = max(1, round(steps * min(1.0, g.strength)))
        for batch in range(g.values["n_iter"]):
            if g.job.stop.is_set():
                return
            g.job.batch = batch
            whole = g.job.sample(steps, pause)
            if whole and g.final_size:
                whole = g.job.sample(second, pause)
            share = 1.0 if whole else g.job.share_of_batch
            g.images += [g.draw(index, share) for index in range(batch * size, (batch + 1) * size)]

    def answered(self, g: Generation) -> Body:
        """Return ``images``, ``parameters`` and ``info`` of a finished generation."""
        texts = [self._infotext(g, index) for index in range(max(len(g.images), 1))]
        noted = zip([*g.images, *g.maps], [*texts, *[None] * len(g.maps)], strict=False)
        files = [self.file_of(image, text, g.seeds[0]) for image, text in noted]
        return {
            "images": files if g.values["send_images"] else [],
            "parameters": {**g.values, "init_images": None, "mask": None},
            "info": json.dumps({**self.info(g), "infotexts": texts}),
        }

    def file_of(self, image: Image.Image, text: str | None, seed: int = 0) -> str:
        """Return the image as base64, in the format of the server's options."""
        form = str(self.options["samples_format"]).lower()
        if form not in imagefiles.FORMATS:
            raise HTTPError(500, "Invalid image format")
        return self.encoded(image, text, seed, form=form)

    def _infotext(self, g: Generation, index: int) -> str:
        """Return the infotext of image number ``index``."""
        return build(g.prompt, g.negative_prompt, {**self.parameters(g, index), **g.notes})

    def parameters(self, g: Generation, index: int) -> Body:
        """Return the fields that every infotext of A1111 has; None leaves one out."""
        values, strength = g.values, g.values["subseed_strength"] or None
        scheduler = g.scheduler or "Automatic" if self.lists.get("schedulers") else None
        return {
            "Steps": values["steps"], "Sampler": g.sampler, "Schedule type": scheduler,
            "CFG scale": values["cfg_scale"],
            "Seed": g.seeds[index], "Size": f"{values['width']}x{values['height']}",
            "Model hash": g.model.short_hash, "Model": g.model.stem,
            "Variation seed": g.subseeds[index] if strength else None,
            "Variation seed strength": strength,
            "Tiling": "True" if values["tiling"] else None, "Version": self.version,
        }  # fmt: skip

    def info(self, g: Generation) -> Body:
        """Return ``info`` as far as clients read it."""
        values = g.values
        return {
            "prompt": g.prompt, "seed": g.seeds[0], "all_seeds": g.seeds,
            "sampler_name": g.sampler, "cfg_scale": values["cfg_scale"], "steps": values["steps"],
            "restore_faces": bool(values.get("restore_faces")), "sd_model_name": g.model.stem,
            "sd_model_hash": g.model.short_hash, "index_of_first_image": 0,
            "extra_generation_params": {"Schedule type": g.scheduler} if g.scheduler else {},
        }  # fmt: skip
