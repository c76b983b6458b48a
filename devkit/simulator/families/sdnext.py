"""SD.Next of July 2026: the same paths, another program behind them."""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any

from PIL import Image

from devkit.simulator import infotext
from devkit.simulator.catalog import Checkpoint
from devkit.simulator.families.base import HTTPError, ServerException
from devkit.simulator.families.generation import Generation, counted, mask_of
from devkit.simulator.families.preparing import fitted
from devkit.simulator.families.sdnext_lists import SDNextLists
from devkit.simulator.jobs import Job
from devkit.simulator.wire import Answer

RESIZE_MODES = {1: "Fixed", 2: "Crop", 3: "Fill", 4: "Outpaint", 5: "Context"}
LATENT = ("Latent", "Latent Nearest", "Latent Bilinear", "Latent Bicubic", "Latent Area")


class SDNext(SDNextLists):
    """Samplers by name or 404, JPEG by default, 200 without images after failures."""

    name = "sdnext"
    version = "unknown"

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
        """An image of the request; URLs are no images here."""
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
        """img2img: without a resize mode the image's own size counts."""
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
        """As ``WebUI``; without any model the job ends without an image."""
        model = model or self.loaded
        if model is None:
            raise NoModel
        if model is not self.loaded:
            job.pause(self.settings.model_load_seconds)
            self.loaded = model
            model.hashed = True
        return model

    def answered(self, g: Generation) -> Answer:
        """As ``WebUI``; strengths above 1 fail without a word."""
        if g.kind == "img2img" and g.sources and g.values["denoising_strength"] > 1:
            g.pictures = []
        return super().answered(g)

    def infotexts(self, g: Generation) -> list[str]:
        """One for each image, and one more after an interruption."""
        texts = super().infotexts(g)
        return [*texts, *texts[:1]] if g.job.interrupted else texts

    def echo(self, g: Generation) -> dict[str, Any]:
        """``parameters``: images left out."""
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
    """Nothing is loaded: 200 with no image and an empty info."""


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
