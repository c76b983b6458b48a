"""Names that the user wrote as this server spells them; a name that it lacks is an error here.

The GPU works only after all of them were found: servers make some other image without a word.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdwebui.dialects import Dialect
from sdwebui.dialects.plan import ControlUnit, HiresFix, LoraUse, Refiner
from sdwebui.errors import ExtensionMissing, InvalidInput, UnknownName, Unsupported
from sdwebui.infotext.prompts import embeddings_in, split_loras, with_embeddings
from sdwebui.parameters import Control, ControlNet, Generation, Hires
from sdwebui.resources.catalog import Catalog
from sdwebui.resources.kinds import Resource
from sdwebui.resources.names import Entry, find, folded, lookup
from sdwebui.resources.readers import Checkpoint

HIRES_SCALE, HIRES_DENOISING_STRENGTH = 2.0, 0.5
"""Where a hires fix does not say: A1111's own scale, and what Latent upscalers need at least."""

_CONTROL_KINDS = {
    "canny": ("canny",), "depth": ("depth",), "openpose": ("openpose", "pose"),
    "dwopenpose": ("openpose", "pose"), "lineart": ("lineart",), "scribble": ("scribble",),
    "softedge": ("softedge", "hed"), "hed": ("softedge", "hed"), "mlsd": ("mlsd",),
    "normal": ("normal",), "seg": ("seg",), "tile": ("tile",), "blur": ("tile", "blur"),
    "inpaint": ("inpaint",), "shuffle": ("shuffle",), "recolor": ("recolor",),
    "ipadapter": ("ip-adapter", "ip_adapter"), "instantid": ("instantid", "instant_id"),
}  # fmt: skip
"""Words in the names of the models that fit a preprocessor, by how its name begins, folded."""

_OWN_VAE = {"automatic": "Automatic", "auto": "Automatic", "default": "Automatic", "none": "None"}
"""A1111's words for no particular VAE; Forge then uses what the checkpoint brings."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """Finds names on one server within one call.

    Attributes:
        catalog: What the server offers.
        dialect: The family of the server.
    """

    catalog: Catalog
    dialect: Dialect

    def checkpoint(self, name: str, checkpoint_hash: str | None = None) -> Checkpoint | None:
        """Return the checkpoint of a name, or of its hash where the server knows that.

        Servers list no hash before they have computed it, so it is no lasting key.

        Raises:
            UnknownName: The server does not have it.
        """
        if checkpoint_hash and lookup(checkpoint_hash, self.catalog.checkpoints()):
            name = checkpoint_hash
        wanted = name or checkpoint_hash
        return self.catalog.checkpoint(wanted) if wanted else None

    def sampling(
        self, sampler: str | None, scheduler: str | None
    ) -> tuple[Entry | None, Entry | None]:
        """Return sampler and schedule type; both may stand in ``sampler``: "DPM++ 2M Karras".

        The longest sampler that the text begins with counts, the rest must be a schedule type. On
        a server without schedule types (A1111 before 1.9, SD.Next) the whole is the sampler.

        Raises:
            UnknownName: The server does not have one of them.
        """
        known = self.catalog.entries(Resource.SAMPLERS) if sampler else None
        if sampler and known is not None and not lookup(sampler, known):
            # A sampler that was added since: the list is asked for anew before a name is refused.
            known = self.catalog.entries(Resource.SAMPLERS, fresh=True)
        samplers = known or ()
        if not self.dialect.schedulers:
            if scheduler and folded(scheduler) == "automatic":
                # The word of newer servers for "none in particular".
                scheduler = None
            if scheduler and not sampler:
                raise InvalidInput("On this server a scheduler needs a sampler beside it.")
            whole = f"{sampler} {scheduler}" if scheduler else sampler
            return self._find(Resource.SAMPLERS, whole), None
        if sampler and folded(sampler) not in {folded(entry.name) for entry in samplers}:
            sampler, within = self._split(sampler, samplers)
            scheduler = within or scheduler
        if scheduler and folded(scheduler) == "automatic":
            schedulers = self.catalog.entries(Resource.SCHEDULERS)
            scheduler = scheduler if lookup(scheduler, schedulers or ()) else None
        chosen = self._find(Resource.SCHEDULERS, scheduler)
        if chosen and chosen.label:
            # The label is what A1111's infotext repeats.
            chosen = replace(chosen, name=chosen.label, aliases=(chosen.name, *chosen.aliases))
        return self._find(Resource.SAMPLERS, sampler), chosen

    def _split(self, text: str, samplers: Sequence[Entry]) -> tuple[str, str | None]:
        """Return a text as sampler and schedule type; as it is where it is a sampler's alias.

        KoboldCpp lists "dpm++ 2m karras" as an alias of the sampler, which alone would lose the
        schedule type.
        """
        words = re.sub(r"[,/|]", " ", text).split()
        schedulers = self.catalog.entries(Resource.SCHEDULERS) or ()
        alias = lookup(text, samplers)
        for end in range(len(words) - 1, 0, -1):
            sampler, rest = " ".join(words[:end]), " ".join(words[end:])
            if lookup(sampler, samplers) and (not alias or lookup(rest, schedulers)):
                return sampler, rest
        return text, None

    def _find(self, resource: Resource, wanted: str | None) -> Entry | None:
        return self.catalog.find(resource, wanted) if wanted else None

    def loras(self, requested: Generation) -> tuple[str, tuple[LoraUse, ...]]:
        """Return the prompt without its LoRA tags, and all LoRAs of the call.

        Raises:
            InvalidInput: The server lacks one, or its weight is no number.
        """
        prompt, tags = split_loras(requested.prompt)
        wanted = [(tag.name, tag.weight, tag.arguments) for tag in tags]
        wanted += [(one.name, one.weight, f"{one.weight:g}") for one in requested.lora]
        if wanted and self.dialect.one_model:
            # sd.cpp knows no LoRA until somebody has listed them since it was started.
            self.catalog.entries(Resource.LORAS, fresh=True)
        uses = []
        for name, weight, arguments in wanted:
            if weight is None:
                raise InvalidInput(
                    f"prompt: the weight of the LoRA {name!r} is no number "
                    f"(got {arguments[:40]!r}). Write it as <lora:name:0.8>."
                )
            entry = self.catalog.find(Resource.LORAS, name)
            uses.append(LoraUse(entry.name, weight, arguments, entry.path, entry.aliases))
        return prompt, tuple(uses)

    def embeddings(self, prompt: str) -> str:
        """Return the prompt with each ``embedding:name`` as the word that WebUIs look for.

        Raises:
            UnknownName: The server does not have it.
        """
        names = {
            name: self.catalog.find(Resource.EMBEDDINGS, name).name
            for name in embeddings_in(prompt)
        }
        return with_embeddings(prompt, names) if names else prompt

    def styles(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the styles.

        Raises:
            UnknownName: The server does not have one.
        """
        return tuple(self.catalog.find(Resource.STYLES, name).name for name in names)

    def vaes(self, wanted: str | None) -> tuple[str, ...]:
        """Return the VAE, or on Forge VAE and text encoders, written by commas.

        Raises:
            InvalidInput: The server does not have one, or takes one only.
        """
        vaes = self.dialect.vaes
        names = [name for name in (part.strip() for part in (wanted or "").split(",")) if name]
        if not names or not vaes:
            return ()
        if own := _OWN_VAE.get(names[0].casefold()):
            return () if self.dialect.several_vaes else (own,)
        if not self.dialect.several_vaes:
            known = self.catalog.entries(vaes)
            if len(names) > 1 and not lookup(wanted or "", known or ()):
                raise Unsupported(
                    f"{self.dialect.title} takes one VAE (got {len(names)}): several, with text "
                    "encoders, are for Forge."
                )
            names = [wanted or ""]
        return tuple(self.catalog.find(vaes, name).name for name in names)

    def refiner(self, name: str | None, switch_at: float) -> Refiner | None:
        """Return the refiner.

        Raises:
            UnknownName: The server does not have it.
        """
        return Refiner(self.catalog.checkpoint(name), switch_at) if name else None

    def hires(self, requested: Hires) -> HiresFix:
        """Return the hires fix with what was left out filled in.

        Raises:
            UnknownName: The server does not have the upscaler, sampler or schedule type.
        """
        wanted = requested.upscaler or self.dialect.hires_upscaler
        lists = map(self.catalog.entries, (Resource.LATENT_UPSCALERS, Resource.UPSCALERS))
        known = [entry for entries in lists for entry in entries or () if entry.name != "None"]
        sampler, scheduler = self.sampling(requested.sampler, requested.scheduler)
        strength = requested.denoising_strength
        size = requested.size
        return HiresFix(
            requested.scale or HIRES_SCALE,
            find("hires upscaler", wanted, known).name if known else wanted,
            requested.steps or 0,
            HIRES_DENOISING_STRENGTH if strength is None else strength,
            (size.width or 0, size.height or 0) if size and not requested.scale else None,
            sampler.name if sampler else None,
            scheduler.name if scheduler else None,
            requested.prompt,
            requested.negative_prompt,
            requested.cfg_scale,
        )

    def detailers(
        self, detector: str | None, arguments: Sequence[Mapping[str, Any]]
    ) -> tuple[Mapping[str, Any], ...]:
        """Return the units of the face detailer.

        Args:
            detector: Of the first unit; without one there are none.
            arguments: What each unit was given beside it.

        Raises:
            ExtensionMissing: The server has no ADetailer.
            UnknownName: It does not have the detector.
        """
        detectors = self.dialect.face_detailers
        first, *others = arguments or ({},)
        others = [unit for unit in others if unit.get("ad_model")]
        if not detectors or (detector or "").strip().casefold() in {"none", "off"}:
            return ()
        units = [*([{**first, "ad_model": detector}] if detector else []), *others]
        if not units:
            return ()
        if self.catalog.entries(detectors) is None:
            raise ExtensionMissing(
                "face_detailer needs the extension ADetailer, which this server lacks. Install it "
                "in the WebUI (Extensions, Install from URL), restart it, or leave face_detailer "
                "blank."
            )
        return tuple(
            {**unit, "ad_model": self.catalog.find(detectors, str(unit["ad_model"])).name}
            for unit in units
        )

    def controls(
        self, requested: ControlNet, images: Sequence[str], *, large: bool
    ) -> tuple[ControlUnit, ...]:
        """Return the ControlNet units of one or two control images.

        Forge takes a wrong name, and any other mistake, without a word and makes an unguided
        image whose infotext still claims ControlNet (recordings txt2img-controlnet-*), so all
        names are checked here.

        Args:
            requested: The tool's parameters.
            images: Base64 of RGB PNGs.
            large: The images are made by a checkpoint of SDXL's family, which has ControlNet models
                of its own.

        Raises:
            InvalidInput: A name that this server does not have, or no model fits.
            ExtensionMissing: The server has no ControlNet.
        """
        if not self.dialect.controlnet:
            raise Unsupported(f"{self.dialect.title} has no ControlNet that its API could use.")
        if self.catalog.entries(Resource.CONTROLNET_MODELS) is None:
            raise ExtensionMissing(
                "This server lacks the extension ControlNet. Install sd-webui-controlnet in the "
                "WebUI (Extensions, Install from URL) and restart it; Forge has it built in."
            )
        units = (_first_unit(requested), requested.controlnet_1)
        return tuple(
            self._control(image, unit, number, large=large)
            for number, (image, unit) in enumerate(zip(images, units, strict=False))
        )

    def _control(self, image: str, unit: Control, number: int, *, large: bool) -> ControlUnit:
        # "none" on A1111, "None" on Forge, which takes no other spelling.
        module = self.catalog.find(Resource.CONTROLNET_MODULES, unit.module or "none").name
        further = {
            name: value
            for name in (
                "resize_mode",
                "pixel_perfect",
                "processor_res",
                "threshold_a",
                "threshold_b",
            )
            if (value := getattr(unit, name)) is not None
        }
        return ControlUnit(
            image=image,
            module=module,
            model=self._control_model(unit, number, large=large),
            weight=1.0 if unit.weight is None else unit.weight,
            start=unit.start or 0.0,
            end=1.0 if unit.end is None else unit.end,
            mode=unit.mode or "balanced",
            **further,
        )

    def _control_model(self, unit: Control, number: int, *, large: bool) -> str:
        if unit.model:
            return self.catalog.find(Resource.CONTROLNET_MODELS, unit.model).name
        module = folded(unit.module or "")
        if module.startswith(("reference", "revision")):
            return "None"
        models = self.catalog.entries(Resource.CONTROLNET_MODELS) or ()
        words = next(
            (words for start, words in _CONTROL_KINDS.items() if module.startswith(start)), ()
        )
        fitting = [one for one in models if any(word in one.name.casefold() for word in words)]
        if fitting:
            same = [one for one in fitting if ("xl" in one.name.casefold()) == large]
            return (same or fitting)[0].name
        fields = "control_module and control_model" if number == 0 else "ControlNet 1"
        if unit.module:
            raise UnknownName(
                f"{fields}: no ControlNet model of this server fits the preprocessor "
                f"{unit.module!r}. Name one in full.",
                shortened=True,
            )
        raise InvalidInput(
            f"{fields}: say how the control image guides, with a preprocessor such as canny "
            "or openpose, or with a ControlNet model."
        )


def _first_unit(requested: ControlNet) -> Control:
    """Return the first unit, with the fields of the form over what a text says."""
    own = {
        "module": requested.control_module, "model": requested.control_model,
        "weight": requested.control_weight, "end": requested.control_end,
        "mode": requested.control_mode,
    }  # fmt: skip
    text = requested.controlnet_0.model_dump(exclude_none=True)
    explicit = {name: own[name] for name in own if f"control_{name}" in requested.explicit}
    return Control(**{**own, **text, **explicit})
