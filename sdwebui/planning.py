"""From what the user asked for to a plan that this server can carry out.

Everything that the catalog can tell is found out here, before the GPU works: unknown names, values
beyond the family's limits, features it does not have.
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sdwebui.catalog import Catalog
from sdwebui.deadline import Deadline
from sdwebui.dialects import Dialect
from sdwebui.errors import ExtensionMissing, InvalidInput, Unsupported
from sdwebui.extra import split_model, with_its_seed
from sdwebui.names import Offer, find, folded, lookup
from sdwebui.offers import Checkpoint
from sdwebui.parameters import ControlNet, Generation, Img2Img, Txt2Img
from sdwebui.plan import ControlUnit, HiresFix, Job, LoraUse, Plan, Refiner
from sdwebui.presets import Preset, preset_for, rounding, size_for, squeezing
from sdwebui.prompts import embeddings_in, split_loras, with_embeddings
from sdwebui.sources import Prepared

RANDOM_SEEDS = 2**31
"""Seeds are drawn here and below this: sd.cpp draws from the clock, so that jobs of the same second
get the same one, and replaces larger ones by a random one."""

_MASK_OPTIONS = (
    "mask_blur", "inpainting_fill", "inpaint_full_res", "inpaint_full_res_padding",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides requests for one server within one call.

    Attributes:
        catalog: What the server offers.
        deadline: Of the whole call.
        default_model: Used when the parameters name none; "" leaves the loaded one.
    """

    catalog: Catalog
    deadline: Deadline
    default_model: str = ""

    @property
    def dialect(self) -> Dialect:
        """The family of the server."""
        return self.catalog.dialect(self.deadline)

    def txt2img(self, asked: Txt2Img) -> Plan:
        """Decide a txt2img request.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            WebUIError: The server could not be asked.
        """
        if not asked.prompt.strip():
            raise InvalidInput("prompt is missing: say what the image should show.")
        plan, preset = self._common("txt2img", asked)
        width, height = size_for(preset, asked.aspect_ratio, asked.width, asked.height)
        notes = rounding(asked.width, asked.height, width, height)
        notes += squeezing(asked.aspect_ratio, asked.width, asked.height)
        hires = self._hires(asked) if asked.enable_hr else None
        return replace(plan, width=width, height=height, hires=hires, notes=plan.notes + notes)

    def img2img(self, asked: Img2Img, prepared: Prepared) -> Plan:
        """Decide an img2img request whose files are ready.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            WebUIError: The server could not be asked.
        """
        plan, _ = self._common("img2img", asked)
        notes = rounding(asked.width, asked.height, prepared.width, prepared.height)
        return replace(
            plan,
            width=prepared.width,
            height=prepared.height,
            source=prepared.source,
            notes=plan.notes + prepared.notes + notes + self._left_out(asked, prepared),
        )

    def _left_out(self, asked: Img2Img, prepared: Prepared) -> tuple[str, ...]:
        """What to say of the mask's settings that this family does not know."""
        if prepared.source.mask is None or self.dialect.mask_options:
            return ()
        return tuple(
            f"{self.dialect.title} knows no {name}, so it was left out."
            for name in _MASK_OPTIONS
            if getattr(asked, name) != Img2Img.model_fields[name].default
        )

    def controlnet(self, asked: ControlNet, images: Sequence[str]) -> Plan:
        """Decide a txt2img request that control images guide.

        Forge takes a wrong name, and any other mistake, without a word and makes an unguided
        image whose infotext still claims ControlNet (recordings txt2img-controlnet-*), so all
        names are checked here.

        Args:
            asked: The tool's parameters.
            images: Base64 of one or two RGB PNGs.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            ExtensionMissing: The server has no ControlNet.
        """
        if not self.dialect.controlnet:
            raise Unsupported(f"{self.dialect.title} has no ControlNet that its API could use.")
        if self.catalog.offers("ControlNet models", self.deadline) is None:
            raise ExtensionMissing(
                "This server lacks the extension ControlNet. Install sd-webui-controlnet in the "
                "WebUI (Extensions, Install from URL) and restart it; Forge has it built in."
            )
        units = (
            ControlUnit(
                image=image,
                module=self._control_module(getattr(asked, f"control_module{at}")),
                model=self._control_model(
                    getattr(asked, f"control_model{at}"), getattr(asked, f"control_module{at}")
                ),
                weight=getattr(asked, f"control_weight{at}"),
                start=getattr(asked, f"control_start{at}"),
                end=getattr(asked, f"control_end{at}"),
                mode=getattr(asked, f"control_mode{at}"),
            )
            for image, at in zip(images, ("", "_2"), strict=False)
        )
        return replace(self.txt2img(asked), controls=tuple(units))

    def _control_model(self, wanted: str | None, module: str | None) -> str:
        if wanted:
            kind, singular = "ControlNet models", "ControlNet model"
            return self.catalog.one(kind, singular, wanted, self.deadline).name
        if module and folded(module).startswith(("reference", "revision")):
            return "None"
        raise InvalidInput(
            "control_model is missing: only the preprocessors reference_* and revision_* work "
            "without a model."
        )

    def _control_module(self, wanted: str | None) -> str:
        # "none" on A1111, "None" on Forge, which takes no other spelling.
        kind, singular = "ControlNet modules", "ControlNet preprocessor"
        return self.catalog.one(kind, singular, wanted or "none", self.deadline).name

    def _common(self, job: Job, asked: Generation) -> tuple[Plan, Preset]:
        """What all generating jobs share; the size is still to be set."""
        dialect = self.dialect
        asked = with_its_seed(asked)
        self._refuse_unsupported(asked)
        model, extra = split_model(asked.extra)
        checkpoint = self._checkpoint(asked, model)
        preset = preset_for(self._model_name(asked, checkpoint))
        prompt, loras = self._loras(asked)
        sampler, scheduler = self._sampling(asked)
        steps = min(asked.steps or preset.steps, dialect.most_steps)
        cfg_scale = preset.cfg_scale if asked.cfg_scale is None else asked.cfg_scale
        plan = Plan(
            job=job,
            prompt=self._embeddings(prompt),
            negative_prompt=self._embeddings(asked.negative_prompt),
            seed=self._seed(asked),
            count=asked.image_count,
            width=0,
            height=0,
            steps=steps,
            cfg_scale=cfg_scale,
            checkpoint=checkpoint,
            sampler=sampler,
            scheduler=scheduler,
            vaes=self._vaes(asked),
            clip_skip=asked.clip_skip,
            distilled_cfg_scale=asked.distilled_cfg_scale,
            loras=loras,
            styles=tuple(
                self.catalog.one("styles", "style", name, self.deadline).name
                for name in asked.styles
            ),
            refiner=self._refiner(asked),
            restore_faces=asked.restore_faces,
            tiling=asked.tiling,
            face_detailer=self._face_detailer(asked),
            task=f"dify-{uuid.uuid4().hex}",
            extra=extra,
        )
        return plan, preset

    def _refuse_unsupported(self, asked: Generation) -> None:
        dialect = self.dialect
        for name, remark in dialect.unsupported.items():
            if getattr(asked, name, None):
                raise Unsupported(
                    f"{dialect.title} cannot do {name}: {remark}. Leave {name} blank."
                )
        for name, most in (("steps", dialect.most_steps), ("cfg_scale", dialect.most_cfg_scale)):
            given = getattr(asked, name)
            if given is not None and given > most:
                raise Unsupported(f"{dialect.title} takes {name} up to {most:g} (got {given:g}).")
        last_seed = asked.seed + asked.image_count - 1
        if last_seed > dialect.most_seed:
            raise Unsupported(
                f"{dialect.title} takes seeds up to {dialect.most_seed}; the last of these "
                f"images would have {last_seed}."
            )
        if dialect.needs_prompt and not split_loras(asked.prompt)[0]:
            raise Unsupported(f"{dialect.title} needs a prompt.")

    def _checkpoint(self, asked: Generation, forced: str | None) -> Checkpoint | None:
        wanted = forced
        if wanted is None:
            wanted = (asked.model or "").strip() or self.default_model
        return self.catalog.checkpoint(wanted, self.deadline) if wanted else None

    def _model_name(self, asked: Generation, checkpoint: Checkpoint | None) -> str:
        """The name to choose a preset by; the server is asked only if a preset is needed."""
        if checkpoint:
            return checkpoint.stem
        settled = (asked.width, asked.height, asked.steps, asked.cfg_scale)
        return self.catalog.loaded(self.deadline) if None in settled else ""

    def _seed(self, asked: Generation) -> int:
        if asked.seed >= 0:
            return asked.seed
        return random.randrange(RANDOM_SEEDS - asked.image_count)

    def _sampling(self, asked: Generation) -> tuple[Offer | None, Offer | None]:
        """Sampler and scheduler as this server spells them.

        "DPM++ 2M Karras" is one name before A1111 1.9 and two since; either way of writing it is
        understood for both.
        """
        sampler, scheduler = asked.sampler, asked.scheduler
        samplers = self.catalog.offers("samplers", self.deadline) or () if sampler else ()
        if not self.dialect.schedulers:
            if scheduler and sampler and samplers:
                return find("sampler", f"{sampler} {scheduler}", samplers), None
            if scheduler:
                raise InvalidInput("On this server a scheduler needs a sampler beside it.")
        elif sampler and folded(sampler) not in {folded(offer.name) for offer in samplers}:
            sampler, within = self._split(sampler, samplers)
            scheduler = scheduler or within
        chosen = self._one("schedulers", "scheduler", scheduler)
        if chosen and chosen.label:
            # The label is what A1111's infotext repeats.
            chosen = replace(chosen, name=chosen.label, aliases=(chosen.name, *chosen.aliases))
        return self._one("samplers", "sampler", sampler), chosen

    def _split(self, sampler: str, samplers: Sequence[Offer]) -> tuple[str, str | None]:
        """A combined name as sampler and scheduler; as it is when it is none."""
        name = sampler.strip()
        for offer in self.catalog.offers("schedulers", self.deadline) or ():
            for ending in offer.spellings:
                rest = name[: -len(ending)].strip()
                if name.casefold().endswith(f" {ending.casefold()}") and lookup(rest, samplers):
                    return rest, offer.name
        return sampler, None

    def _one(self, kind: str, singular: str, wanted: str | None) -> Offer | None:
        return self.catalog.one(kind, singular, wanted, self.deadline) if wanted else None

    def _loras(self, asked: Generation) -> tuple[str, tuple[LoraUse, ...]]:
        prompt, tags = split_loras(asked.prompt)
        wanted = [(tag.name, tag.weight, tag.arguments) for tag in tags]
        wanted += [(one.name, one.weight, f"{one.weight:g}") for one in asked.lora]
        if wanted and self.dialect.one_model:
            # sd.cpp knows no LoRA until somebody has listed them since it was started.
            self.catalog.offers("LoRAs", self.deadline, fresh=True)
        uses = []
        for name, weight, arguments in wanted:
            if weight is None:
                raise InvalidInput(
                    f"prompt: the weight of the LoRA {name!r} is no number "
                    f"(got {arguments[:40]!r}). Write it as <lora:name:0.8>."
                )
            offer = self.catalog.one("LoRAs", "LoRA", name, self.deadline)
            uses.append(LoraUse(offer.name, weight, arguments, offer.path, offer.aliases))
        return prompt, tuple(uses)

    def _embeddings(self, prompt: str) -> str:
        names = {
            name: self.catalog.one("embeddings", "embedding", name, self.deadline).name
            for name in embeddings_in(prompt)
        }
        return with_embeddings(prompt, names) if names else prompt

    def _vaes(self, asked: Generation) -> tuple[str, ...]:
        kind = self.dialect.vae_list
        if not asked.vae or not kind:
            return ()
        if kind == "modules":
            # VAE and text encoders; Flux needs three files.
            wanted = [name.strip() for name in asked.vae.split(",") if name.strip()]
        elif asked.vae.strip().casefold() == "automatic":
            return ("Automatic",)
        else:
            wanted = [asked.vae]
        return tuple(self.catalog.one(kind, "VAE", name, self.deadline).name for name in wanted)

    def _refiner(self, asked: Generation) -> Refiner | None:
        if not asked.refiner:
            return None
        checkpoint = self.catalog.checkpoint(asked.refiner, self.deadline)
        return Refiner(checkpoint, asked.refiner_switch_at)

    def _hires(self, asked: Txt2Img) -> HiresFix:
        wanted = asked.hr_upscaler or self.dialect.hires_upscaler
        lists = [
            self.catalog.offers(kind, self.deadline) for kind in ("latent upscalers", "upscalers")
        ]
        known = [offer for offers in lists for offer in offers or () if offer.name != "None"]
        name = find("hires upscaler", wanted, known).name if known else wanted
        return HiresFix(asked.hr_scale, name, asked.hr_steps, asked.denoising_strength)

    def _face_detailer(self, asked: Generation) -> str | None:
        kind = self.dialect.detailer_list
        if not asked.face_detailer or not kind:
            return None
        if self.catalog.offers(kind, self.deadline) is None:
            raise ExtensionMissing(
                "face_detailer needs the extension ADetailer, which this server lacks. Install it "
                "in the WebUI (Extensions, Install from URL), restart it, or leave face_detailer "
                "blank."
            )
        return self.catalog.one(kind, "face detailer", asked.face_detailer, self.deadline).name
