"""Names that the user wrote, resolved to the server's names.

All names are checked before the job is sent: for an unknown name servers make another image
without an error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdwebui.dialects import Dialect
from sdwebui.dialects.plan import HiresFix, LoraUse, Refiner
from sdwebui.errors import ExtensionMissing, InvalidInput, Unsupported
from sdwebui.infotext.prompts import embeddings_in, split_loras, with_embeddings
from sdwebui.parameter_types import Hires
from sdwebui.parameters import Generation
from sdwebui.resources.catalog import Catalog
from sdwebui.resources.kinds import Resource
from sdwebui.resources.names import Entry, find, folded, lookup
from sdwebui.resources.readers import Checkpoint

HIRES_SCALE, HIRES_DENOISING_STRENGTH = 2.0, 0.5
"""Defaults of a hires fix: A1111's scale, and the least that Latent upscalers need."""

_OWN_VAE = {"automatic": "Automatic", "auto": "Automatic", "default": "Automatic", "none": "None"}
"""A1111's names for no particular VAE; Forge then uses the one in the checkpoint."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """Finds names on one server within one call.

    Attributes:
        catalog: The server's lists.
        dialect: The family of the server.
    """

    catalog: Catalog
    dialect: Dialect

    def checkpoint(self, name: str, checkpoint_hash: str | None = None) -> Checkpoint | None:
        """Return the checkpoint of a hash if the server knows it, else that of the name.

        Servers list a hash only after they have computed it.

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
        """Return sampler and schedule type; ``sampler`` may hold both: "DPM++ 2M Karras".

        The longest sampler that the text begins with counts, the rest must be a schedule type. On
        a server without schedule types (A1111 before 1.9, SD.Next) the whole is the sampler.

        Raises:
            UnknownName: The server does not have one of them.
        """
        known = self.catalog.entries(Resource.SAMPLERS) if sampler else None
        if sampler and known is not None and not lookup(sampler, known):
            # The sampler may be new, so the list is fetched again before the name is refused.
            known = self.catalog.entries(Resource.SAMPLERS, fresh=True)
        samplers = known or ()
        if not self.dialect.schedulers:
            if scheduler and folded(scheduler) == "automatic":
                # Newer servers call no particular schedule type so.
                scheduler = None
            if scheduler and not sampler:
                raise InvalidInput("On this server a scheduler needs a sampler beside it.")
            combined = f"{sampler} {scheduler}" if scheduler else sampler
            return self._find(Resource.SAMPLERS, combined), None
        if sampler and folded(sampler) not in {folded(entry.name) for entry in samplers}:
            sampler, in_sampler = self._split(sampler, samplers)
            scheduler = in_sampler or scheduler
        if scheduler and folded(scheduler) == "automatic":
            schedulers = self.catalog.entries(Resource.SCHEDULERS)
            scheduler = scheduler if lookup(scheduler, schedulers or ()) else None
        chosen = self._find(Resource.SCHEDULERS, scheduler)
        if chosen and chosen.label:
            # A1111 writes the label into the infotext.
            chosen = replace(chosen, name=chosen.label, aliases=(chosen.name, *chosen.aliases))
        return self._find(Resource.SAMPLERS, sampler), chosen

    def _split(self, text: str, samplers: Sequence[Entry]) -> tuple[str, str | None]:
        """Return a text as sampler and schedule type, or as it is if it is a sampler's alias.

        KoboldCpp lists "dpm++ 2m karras" as an alias of the sampler. The alias alone would lose the
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
        """Return the entry of a name, or None for a blank one."""
        return self.catalog.find(resource, wanted) if wanted else None

    def loras(self, requested: Generation) -> tuple[str, tuple[LoraUse, ...]]:
        """Return the prompt without its LoRA tags, and all LoRAs of the call.

        Raises:
            InvalidInput: The server lacks one, or its weight is not a number.
        """
        prompt, tags = split_loras(requested.prompt)
        wanted = [(tag.name, tag.weight, tag.arguments) for tag in tags]
        wanted += [(lora.name, lora.weight, f"{lora.weight:g}") for lora in requested.lora]
        if wanted and self.dialect.one_model:
            # sd.cpp knows no LoRA before they are listed for the first time since its start.
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
        """Return the prompt with each ``embedding:name`` as the bare name that WebUIs expect.

        Raises:
            UnknownName: The server does not have one.
        """
        names = {
            name: self.catalog.find(Resource.EMBEDDINGS, name).name
            for name in embeddings_in(prompt)
        }
        return with_embeddings(prompt, names) if names else prompt

    def styles(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the server's names of the styles.

        Raises:
            UnknownName: The server does not have one.
        """
        return tuple(self.catalog.find(Resource.STYLES, name).name for name in names)

    def vaes(self, wanted: str | None) -> tuple[str, ...]:
        """Return the VAE, or on Forge VAE and text encoders, from a comma-separated list.

        Raises:
            InvalidInput: The server does not have one, or accepts only one.
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
                    f"{self.dialect.title} takes one VAE (got {len(names)}): "
                    f"{self.dialect.several_vaes_hint}"
                )
            names = [wanted or ""]
        return tuple(self.catalog.find(vaes, name).name for name in names)

    def refiner(self, name: str | None, switch_at: float) -> Refiner | None:
        """Return the refiner, if there is one.

        Raises:
            UnknownName: The server does not have it.
        """
        return Refiner(self.catalog.checkpoint(name), switch_at) if name else None

    def hires(self, requested: Hires) -> HiresFix:
        """Return the hires fix with defaults for what was left out.

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
            detector: The model of the first unit, if there is one.
            arguments: Further arguments of each unit.

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
