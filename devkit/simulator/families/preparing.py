"""From a request's fields to a generation: names looked up, numbers checked, images opened."""

from __future__ import annotations

from typing import Any, ClassVar

from PIL import Image, ImageOps

from devkit.simulator import picturefiles
from devkit.simulator.catalog import Checkpoint
from devkit.simulator.families.base import HTTPError, ServerException
from devkit.simulator.families.controlnet import ADetailer, ControlNet
from devkit.simulator.families.generation import (
    Generation,
    counted,
    mask_of,
    named_embeddings,
    styled,
    tagged_loras,
)
from devkit.simulator.families.limits import check_numbers, largest_multiple
from devkit.simulator.families.listing import Listing


class Preparing(Listing):
    """How A1111 and its descendants read a request."""

    cfg_text: ClassVar[str] = "unsupported operand type(s) for *: 'NoneType' and 'float'"
    empty_sources: ClassVar[tuple[str, str]] = (
        "RuntimeError",
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [0]",
    )
    wrong_clip_skip: ClassVar[tuple[str, str]] = (
        "TypeError",
        "bad operand type for unary -: 'str'",
    )

    def opened(self, text: Any) -> Image.Image:
        """An image of the request. Raises HTTPError as the server does for a bad one."""
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

    def extensions(self) -> list[Any]:
        """The extensions that are switched on."""
        known = {"controlnet": ControlNet(self, forge=False), "adetailer": ADetailer(self)}
        return [known[name] for name in self.settings.extensions if name in known]

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
        self.prepare_refiner(g)
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

    def prepare_refiner(self, g: Generation) -> None:
        """It takes over at a share of the steps, unless it is the checkpoint at work already.

        From A1111's source (apply_refiner); no recording has two checkpoints.
        """
        if not g.values.get("refiner_checkpoint"):
            return
        refiner = self.known(g.values["refiner_checkpoint"])
        switch_at = g.values.get("refiner_switch_at")
        if switch_at is not None and switch_at < 1 and refiner != g.model:
            g.extra["Refiner"] = f"{refiner.stem} [{refiner.short_hash}]"
            g.extra["Refiner switch at"] = switch_at

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
        """img2img: as many images as the batch holds, or one; a mask for inpainting."""
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


def fitted(image: Image.Image, size: tuple[int, int], mode: Any, kind: str = "RGB") -> Image.Image:
    """A source image at the size asked for: stretched (0), cropped (1) or padded (2)."""
    image = image.convert(kind)
    if mode == 1:
        return ImageOps.fit(image, size)
    if mode == 2:
        return ImageOps.pad(image, size)
    return image.resize(size)
