"""From a WebUI's request to a generation: names looked up, numbers checked, images opened."""

from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import imagefiles
from devkit.simulator.families.base import Body, HTTPError, ServerException
from devkit.simulator.families.extensions import EXTENSIONS
from devkit.simulator.families.generation import Generation, joined, lora_hashes, whole_blocks
from devkit.simulator.families.webui import WebUI
from devkit.simulator.inventory import Checkpoint

MASKED_CONTENTS = {0: "fill", 2: "latent noise", 3: "latent nothing"}


class Preparing(WebUI):
    """How A1111 and its descendants read a request."""

    hires_needs: ClassVar[tuple[str, ...]] = ("denoising_strength",)
    """Fields without which the second pass fails."""

    built_in: ClassVar[tuple[str, ...]] = ()
    """Extensions that come with the program."""

    def start(self) -> None:
        """Serve the lists of the extensions beside."""
        super().start()
        names = {*self.built_in, *self.settings.extensions}
        self.extensions = {name: EXTENSIONS[name](self) for name in sorted(names)}

    def opened(self, text: Any) -> Image.Image:
        """Return an image of the request; a bad one is an error of the server's own."""
        try:
            return imagefiles.decode(text)
        except ValueError as error:
            raise HTTPError(500, "Invalid encoded image") from error

    def check_scripts(self, kind: str, values: Body) -> None:
        """Raise for scripts that the server does not have."""
        name = values["script_name"]
        if name and name.lower() not in self.data["scripts"][kind]:
            raise HTTPError(422, f"Script '{name}' not found")
        for title, unit in (values["alwayson_scripts"] or {}).items():
            if title.lower() not in {*self.data["scripts"]["alwayson"], *self.extensions}:
                raise HTTPError(422, f"Script '{title}' not found")
            if not isinstance(unit, dict):
                raise self.failure("script unit", type(unit).__name__)

    def prepare(self, g: Generation) -> None:
        """Look names up, check numbers, fit images; raise ServerException where it fails."""
        self.check_numbers(g.values)
        clip_skip = self.options["CLIP_stop_at_last_layers"]
        if isinstance(clip_skip, str):
            raise self.failure("clip skip")
        g.size = whole_blocks(g.values["width"], g.values["height"])
        g.count()
        g.apply_styles(self.inventory.styles)
        g.sampler, g.scheduler = self.sampling(g.values)
        restorer = self.options["face_restoration_model"]
        g.notes |= {
            "Face restoration": restorer if g.values["restore_faces"] else None,
            "Clip skip": clip_skip if clip_skip not in (0, 1) else None,
            **self.note_vae(),
            "Lora hashes": joined(lora_hashes(g.prompt, self.inventory.loras)) or None,
        }
        if g.kind == "img2img":
            self.prepare_sources(g)
        elif g.values["enable_hr"]:
            self.prepare_hires(g)
        if g.values["refiner_checkpoint"]:
            self._prepare_refiner(g)
        for extension in self.extensions.values():
            extension.apply(g)

    def check_numbers(self, values: Body) -> None:
        """Raise the recorded exception of an impossible number."""
        for limit in self.recorded["limits"]:
            value = values[limit["field"]]
            if value < limit.get("below", value) or value >= limit.get("from", value + 1):
                raise ServerException(*limit["raises"])

    def note_vae(self) -> Body:
        """Return what the infotext reports of the VAE at work."""
        name = self.options["sd_vae"]
        return {"VAE": name if name in self.inventory.vaes else None}

    def sampling(self, values: Body) -> tuple[str, str | None]:
        """Return sampler and scheduler as they are labelled; None leaves it to the sampler.

        Unknown samplers become the first of the list (recordings txt2img-sampler-*).
        """
        labels = {
            spelling: item["label"]
            for item in self.lists["schedulers"]
            for spelling in (item["label"], item["name"], *(item["aliases"] or ()))
        }
        name = values["sampler_name"] or values["sampler_index"]
        wanted = values.get("scheduler")
        ending = next((one for one in labels if name.endswith(f" {one}")), None)
        if ending:
            name, wanted = name.removesuffix(f" {ending}"), wanted or ending
        samplers = self.lists["samplers"]
        sampler = next((item for item in samplers if item["name"] == name), samplers[0])
        scheduler = labels.get(wanted or "")
        if scheduler in (None, "Automatic"):
            scheduler = labels.get(sampler.get("options", {}).get("scheduler", ""))
        return sampler["name"], scheduler

    def _required(self, name: str) -> Checkpoint:
        """Return the checkpoint for a second pass or a refiner; fail without it."""
        found = self.resolved(name)
        if found is None:
            raise self.failure("checkpoint", name)
        return found

    def _prepare_refiner(self, g: Generation) -> None:
        """Note the refiner, unless it is the checkpoint at work already.

        From A1111's source (apply_refiner); no recording has two checkpoints.
        """
        refiner = self._required(g.values["refiner_checkpoint"])
        switch_at = g.values["refiner_switch_at"]
        if switch_at is not None and switch_at < 1 and refiner != g.model:
            g.notes["Refiner"] = f"{refiner.stem} [{refiner.short_hash}]"
            g.notes["Refiner switch at"] = switch_at

    def prepare_hires(self, g: Generation) -> None:
        """Check the names and needs of the second pass, and note it."""
        values = g.values
        if values["hr_checkpoint_name"]:
            self._required(values["hr_checkpoint_name"])
        lists = [*self.lists["upscalers"], *self.lists["latent-upscale-modes"]]
        if values["hr_upscaler"] not in (None, *(item["name"] for item in lists)):
            raise self.failure("hires upscaler", values["hr_upscaler"])
        for name in self.hires_needs:
            if values[name] is None:
                raise self.failure(f"hires {name}")
        samplers = [item["name"] for item in self.lists["samplers"]]
        if values["hr_sampler_name"] not in (None, *samplers):
            raise self.failure("hires sampler", values["hr_sampler_name"])
        wide, high, scale = values["hr_resize_x"], values["hr_resize_y"], values["hr_scale"]
        factor = wide / g.size[0] or high / g.size[1] or scale
        g.final_size = whole_blocks(wide or g.size[0] * factor, high or g.size[1] * factor)
        g.notes |= {
            "Denoising strength": values["denoising_strength"],
            "Hires upscaler": values["hr_upscaler"], "Hires CFG Scale": values.get("hr_cfg"),
            "Hires resize": f"{wide}x{high}" if wide or high else None,
            "Hires upscale": None if wide or high else scale,
            "Hires steps": values["hr_second_pass_steps"] or None,
        }  # fmt: skip

    def prepare_sources(self, g: Generation) -> None:
        """Fit as many images as the batch holds, or one, and a mask for inpainting."""
        values = g.values
        if not g.sources:
            raise self.failure("no sources")
        if len(g.sources) > values["batch_size"]:
            raise self.failure("sources", len(g.sources), values["batch_size"])
        blur = 4 if values["mask_blur"] is None else values["mask_blur"]
        g.fit_sources(blur, values["resize_mode"])
        g.notes["Denoising strength"] = values["denoising_strength"]
        if g.mask is not None:
            g.notes |= {
                "Mask blur": blur or None,
                "Mask mode": "Inpaint not masked" if values["inpainting_mask_invert"] else None,
                "Inpaint area": "Only masked" if values["inpaint_full_res"] else None,
                "Masked content": MASKED_CONTENTS.get(values["inpainting_fill"]),
            }
