"""SD.Next of July 2026: the same paths, another program behind them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from devkit.simulator import painter
from devkit.simulator.families.base import Body, HTTPError
from devkit.simulator.families.generating import Generating
from devkit.simulator.families.generation import Generation, whole_blocks
from devkit.simulator.families.webui import MODEL
from devkit.simulator.inventory import Checkpoint
from devkit.simulator.jobs import Job
from devkit.simulator.wire import Answer


class SDNext(Generating):
    """Samplers by name or 404, JPEG by default, 200 without images after failures."""

    name = "sdnext"
    version = "unknown"
    title = "SD.Next"
    default_format = "jpg"
    wrong_password = "Unauthorized"
    malformed_password = "Not authenticated"
    interrupted = Answer(204)

    def start(self) -> None:
        """Serve captions at routes of their own, and an upscaling that fails."""
        super().start()
        self.get("/sdapi/v1/loras", self.loras)
        self.get("/sdapi/v1/version", self.lists["version"])
        self.post("/sdapi/v1/extra-single-image", self._upscale, fields="extra-single-image")
        self.post("/sdapi/v1/openclip", self._caption, fields="openclip")
        self.post("/sdapi/v1/tagger", self._tag, fields="tagger")

    def name_of(self, checkpoint: Checkpoint) -> str:
        """Return the file without its extension."""
        return checkpoint.file.rpartition(".")[0]

    def title_of(self, checkpoint: Checkpoint) -> str:
        """Return ``name [hash]``, without an extension."""
        return checkpoint.titled(self.name_of(checkpoint))

    def names_of(self, item: Checkpoint) -> set[str]:
        """Return title, name, short hash and full path."""
        hashed = {self.title_of(item), item.short_hash} if item.hashed else set()
        return {self.name_of(item), item.path} | hashed

    def set_options(self, body: Body) -> Any:
        """Never fail; the model is unloaded for one that nobody knows."""
        self.options |= body
        if MODEL in body:
            with self.queue.turn(Job()):
                self.loaded = self.resolved(body[MODEL])
        return {"updated": [{key: True} for key in body]}

    def _upscale(self, body: Body) -> None:
        """Fail after the work (recordings extra-*)."""
        self.opened(body["image"])
        raise self.failure("upscaling")

    def _caption(self, body: Body) -> Body:
        """Return a sentence; the recorded server had no weights for it."""
        text = painter.described(self.opened(body["image"]))
        return {"caption": "CLIP error: <class 'OSError'>" if self.is_recorded else text}

    def _tag(self, body: Body) -> Body:
        words = painter.described(self.opened(body["image"])).split()[1:]
        return {"tags": "" if self.is_recorded else ", ".join(words)}

    def check_scripts(self, kind: str, values: Body) -> None:  # noqa: ARG002
        """Raise for unknown always-on scripts; unknown selectable ones are ignored."""
        for title in values["alwayson_scripts"] or {}:
            if title.lower() not in self.data["scripts"]["alwayson"]:
                raise HTTPError(422, f"Always on script not found: {title}")

    def generate(self, kind: str, values: Body) -> Any:
        """Check samplers before the queue; without a model the answer is a 200 without images."""
        samplers = [*(item["name"] for item in self.lists["samplers"]), "Default"]
        wanted = values["sampler_name"].lower()
        values["sampler_name"] = next((one for one in samplers if one.lower() == wanted), None)
        if values["sampler_name"] is None:
            raise HTTPError(404, "Sampler not found")
        if kind == "img2img" and values["init_images"] is None:
            return Answer.of_json({"error": "Init image is none"}, 400)
        if not (self.resolved((values["override_settings"] or {}).get(MODEL)) or self.loaded):
            return {"images": [], "parameters": {}, "info": ""}
        return super().generate(kind, values)

    @contextmanager
    def overridden(self, values: Body) -> Iterator[None]:
        """Drop overrides of unknown options; put everything back afterwards."""
        overrides = values["override_settings"] or {}
        before = {key: value for key, value in self.options.items() if key in overrides}
        try:
            self.options |= {key: overrides[key] for key in before}
            self.load(self.resolved(overrides.get(MODEL)))
            yield
        finally:
            if values["override_settings_restore_afterwards"]:
                self.options |= before
                self.loaded = self.resolved(before.get(MODEL)) or self.loaded

    def prepare(self, g: Generation) -> None:
        """Look names up and check numbers in SD.Next's way."""
        self.check_numbers(g.values)
        wide, high = (
            1024 if g.values[side] < 8 else g.values[side] for side in ("width", "height")
        )
        g.size = whole_blocks(wide, high)
        g.count()
        g.apply_styles(self.inventory.styles)
        g.prompt, g.sampler = g.prompt.strip(), g.values["sampler_name"]
        vae, clip_skip = self.options["sd_vae"], g.values["clip_skip"]
        names = [lora.name for lora in self.inventory.loras]
        used = [name for name in names if re.search(rf"<lora:{re.escape(name)}[:>]", g.prompt)]
        if g.sources:
            self.prepare_sources(g)
        if g.values["enable_hr"]:
            self.prepare_hires(g)
        g.notes["VAE"] = vae.rpartition(".")[0] if vae in self.inventory.vaes else None
        g.notes["CLiP-skip"] = clip_skip if clip_skip > 1 else None
        g.notes["LoRA networks"] = ", ".join(used) or None

    def prepare_sources(self, g: Generation) -> None:
        """Fit the images; without a resize mode the image's own size counts."""
        mode = g.values["resize_mode"]
        if mode not in range(7):
            raise self.failure("resize mode")
        if mode == 0 and not any(g.values[side] % 8 for side in ("width", "height")):
            wide, high = g.sources[0].size
            g.size = whole_blocks(wide + 7, high + 7)
        g.notes["Denoising strength"] = g.values["denoising_strength"]
        g.sources = g.sources[: g.values["batch_size"]]
        g.fit_sources(g.values["mask_blur"] or 0)

    def prepare_hires(self, g: Generation) -> None:
        """Upscale with a resize mode; a second pass needs a latent upscaler, or force."""
        values, upscaler, scale = g.values, g.values["hr_upscaler"], g.values["hr_scale"]
        if values["hr_resize_mode"]:
            wide = values["hr_resize_x"] or g.size[0] * scale
            high = values["hr_resize_y"] or g.size[1] * scale
            wide, high = g.final_size = whole_blocks(wide, high)
            g.notes |= {"Hires upscaler": upscaler, "Hires scale": scale}
            g.notes["Hires size"] = f"{wide}x{high}"
        if upscaler and (upscaler.startswith("Latent") or values["hr_force"]):
            g.notes["Hires steps"] = values["hr_second_pass_steps"]
            g.notes["Hires strength"] = values["hr_denoising_strength"]

    def answered(self, g: Generation) -> Body:
        """Return no images for strengths above 1, without a word."""
        if g.sources and g.strength > 1:
            g.images = []
        return super().answered(g)

    def parameters(self, g: Generation, index: int) -> Body:
        """Return the fields under SD.Next's own names, without what it leaves out."""
        fields = super().parameters(g, index)
        fields["Variation strength"] = fields.pop("Variation seed strength")
        return fields | {
            "Steps": g.values["steps"] if g.values["steps"] >= 0 else None,
            "Size": f"{g.size[0]}x{g.size[1]}",
            "Sampler": g.sampler if g.sampler != "Default" else None,
            "Tiling": None,
            "App": "SD.Next",
        }

    def info(self, g: Generation) -> Body:
        """Return ``info`` without a model's name."""
        return {**super().info(g), "sd_model_name": None, "restore_faces": None}
