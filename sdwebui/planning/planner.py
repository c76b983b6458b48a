"""From what the user asked for to a plan that this server can carry out.

Everything that the catalog can tell is found out here, before the GPU works: unknown names, values
beyond the family's limits, features it does not have.
"""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdwebui.dialects import Dialect
from sdwebui.dialects.extra import over, split_model, with_its_prompts, with_its_seed
from sdwebui.dialects.plan import HiresFix, Job, Plan
from sdwebui.errors import ExtensionMissing, InvalidInput, UnknownName, Unsupported
from sdwebui.images.sizes import size_notes
from sdwebui.infotext.prompts import split_loras
from sdwebui.parameters import Control, ControlNet, Generation, Img2Img, Size, Txt2Img
from sdwebui.planning.presets import Preset, preset_for, size_for
from sdwebui.planning.resolver import Resolver
from sdwebui.planning.sources import Prepared
from sdwebui.resources.catalog import Catalog
from sdwebui.resources.names import folded
from sdwebui.resources.readers import Checkpoint

RANDOM_SEEDS = 2**31
"""Seeds are drawn here and below this: sd.cpp draws from the clock, so that jobs of the same second
get the same one, and replaces larger ones by a random one."""

_MASK_OPTIONS = ("mask_blur", "masked_content", "inpaint_area", "mask_padding")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What calls are made with that do not say otherwise.

    Attributes:
        model: The checkpoint; "" leaves the loaded one.
        prompt_prefix: Put before each prompt.
        negative_prompt: Put before each negative prompt.
    """

    model: str = ""
    prompt_prefix: str = ""
    negative_prompt: str = ""


NO_DEFAULTS = Defaults()


def job_id(prefix: str) -> str:
    """Return a new id for a job."""
    return f"{prefix}{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides requests for one server within one call.

    Attributes:
        catalog: What the server offers.
        dialect: The family of the server.
        defaults: What a call that does not say otherwise is made with.
        job_prefix: Begins the ids of jobs.
    """

    catalog: Catalog
    dialect: Dialect
    defaults: Defaults = NO_DEFAULTS
    job_prefix: str = ""

    @property
    def _names(self) -> Resolver:
        return Resolver(self.catalog, self.dialect)

    def txt2img(self, requested: Txt2Img) -> Plan:
        """Decide a txt2img request.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            WebUIError: The server could not be asked.
        """
        requested = self._supported(requested)
        plan, preset = self._common("txt2img", requested)
        given = requested.size or Size()
        width, height = size_for(preset, requested.aspect_ratio, given.width, given.height)
        notes = size_notes((given.width, given.height), (width, height), requested.aspect_ratio)
        hires, left_out = self._hires(requested)
        notes += left_out
        return replace(plan, width=width, height=height, hires=hires, notes=plan.notes + notes)

    def img2img(self, requested: Img2Img, prepared: Prepared) -> Plan:
        """Decide an img2img request whose files are ready.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            WebUIError: The server could not be asked.
        """
        requested = self._supported(requested)
        plan, _ = self._common("img2img", requested)
        given = requested.size or Size()
        notes = size_notes((given.width, given.height), (prepared.width, prepared.height))
        return replace(
            plan,
            width=prepared.width,
            height=prepared.height,
            source=prepared.source,
            notes=plan.notes + prepared.notes + notes + self._left_out(requested, prepared),
        )

    def _left_out(self, requested: Img2Img, prepared: Prepared) -> tuple[str, ...]:
        """Return what to say of the mask's settings that this family does not know."""
        if prepared.source.mask is None or self.dialect.mask_options:
            return ()
        return tuple(
            f"{self.dialect.title} knows no {name}, so it was left out."
            for name in _MASK_OPTIONS
            if name in requested.explicit
        )

    def controlnet(self, requested: ControlNet, images: Sequence[str]) -> Plan:
        """Decide a txt2img request that control images guide.

        Args:
            requested: The tool's parameters.
            images: Base64 of one or two RGB PNGs.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            ExtensionMissing: The server has no ControlNet.
        """
        large = self._preset(requested).family == "SDXL"
        controls = self._names.controls(requested, images, large=large)
        plan = self.txt2img(requested)
        notes = plan.notes
        if requested.controlnet_1 != Control() and len(images) < 2:
            notes += ("ControlNet 1 was left out, since there is no control_image_2.",)
        return replace(plan, controls=controls, notes=notes)

    def _preset(self, requested: Generation) -> Preset:
        """Return the preset of the model that will make the images."""
        model, _ = split_model(requested.extra)
        checkpoint = self._checkpoint(requested, model)
        name = checkpoint.stem if checkpoint else self.catalog.loaded()
        return preset_for(name, requested.model_family)

    def _hires(self, requested: Txt2Img) -> tuple[HiresFix | None, tuple[str, ...]]:
        """Return the hires fix, and what to say of the parts that this family does not know."""
        if not requested.hires_fix:
            return None, ()
        parts = ("sampler", "scheduler", "prompt", "negative_prompt", "cfg_scale")
        wanted = [part for part in parts if getattr(requested.hires_fix, part) is not None]
        lost = [part for part in wanted if part not in self.dialect.hires_parts]
        left = requested.hires_fix.model_copy(update=dict.fromkeys(lost))
        note = f"{self.dialect.title} has no {' or '.join(lost)} of the hires fix; left out."
        return self._names.hires(left), (note,) if lost else ()

    def _common(self, job: Job, requested: Generation) -> tuple[Plan, Preset]:
        """Decide what all generating jobs share; the size is still to be set."""
        dialect, names = self.dialect, self._names
        requested = with_its_prompts(requested)
        requested = with_its_seed(_with_defaults(requested, self.defaults))
        if job == "txt2img" and not requested.prompt.strip():
            raise InvalidInput(
                "prompt is missing: say what the image should show, in prompt or with generation "
                "data in more_settings."
            )
        self._refuse_too_much(requested)
        model, extra = split_model(requested.extra)
        checkpoint = self._checkpoint(requested, model)
        preset = preset_for(self._model_name(requested, checkpoint), requested.model_family)
        prompt, loras = names.loras(requested)
        sampler, scheduler = names.sampling(requested.sampler, requested.scheduler)
        fields, notes = self._fields(requested)
        detailers = self._detailers(requested, notes)
        strength = requested.variation_strength
        plan = Plan(
            job=job,
            prompt=names.embeddings(prompt),
            negative_prompt=names.embeddings(requested.negative_prompt),
            seed=self._seed(requested),
            count=requested.image_count,
            width=0,
            height=0,
            steps=min(requested.steps or preset.steps, dialect.most_steps),
            cfg_scale=preset.cfg_scale if requested.cfg_scale is None else requested.cfg_scale,
            checkpoint=checkpoint,
            sampler=sampler,
            scheduler=scheduler,
            vaes=self._vaes(requested, notes),
            clip_skip=requested.clip_skip,
            distilled_cfg_scale=requested.distilled_cfg_scale,
            loras=loras,
            styles=names.styles(requested.styles),
            refiner=names.refiner(requested.refiner, requested.refiner_switch_at),
            face_restorer=requested.face_restorer,
            tiling=requested.tiling,
            variation=(requested.variation_seed or 0, strength) if strength else None,
            detailers=detailers,
            task=job_id(self.job_prefix),
            notes=(*requested.notes, *notes),
            extra=over(fields, extra),
        )
        return plan, preset

    def _supported[Requested: Generation](self, requested: Requested) -> Requested:
        """Return the parameters without those of generation data that this family lacks.

        Raises:
            Unsupported: A field of the form asks for one of them.
        """
        dialect = self.dialect
        left_out: dict[str, Any] = {}
        notes = []
        if "scheduler" in requested.lenient and folded(requested.scheduler or "") == "automatic":
            # Newer WebUIs write it behind every sampler, and it means none in particular.
            left_out["scheduler"] = None
        for name, remark in dialect.unsupported.items():
            if not getattr(requested, name, None) or name in left_out:
                continue
            if name not in requested.lenient:
                raise Unsupported(
                    f"{dialect.title} cannot do {name}: {remark}. Leave {name} blank."
                )
            left_out[name] = (
                type(requested).model_fields[name].get_default(call_default_factory=True)
            )
            if name != "detailers":
                notes.append(f"{name} ({remark})")
        if not left_out:
            return requested
        reported = (
            [f"Left out, since {dialect.title} cannot do it: {', '.join(notes)}."] if notes else []
        )
        return requested.model_copy(update={**left_out, "notes": (*requested.notes, *reported)})

    def _fields(self, requested: Generation) -> tuple[dict[str, Any], list[str]]:
        """Return the further fields of A1111's request, and what to say where they are not read."""
        body: dict[str, Any] = {}
        lost = []
        for key, path, value in requested.fields:
            if not self.dialect.takes(path):
                lost.append(key)
                continue
            option = path.removeprefix("override_settings.")
            if option == path:
                body[path] = value
            else:
                body.setdefault("override_settings", {})[option] = value
        keys = ", ".join(dict.fromkeys(lost))
        return body, [f"{self.dialect.title} has no setting for {keys}; left out."] if lost else []

    def _vaes(self, requested: Generation, notes: list[str]) -> tuple[str, ...]:
        try:
            return self._names.vaes(requested.vae)
        except Unsupported as error:
            if "vae" not in requested.lenient:
                raise
            notes.append(f"vae was left out. {error}")
            return ()

    def _detailers(self, requested: Generation, notes: list[str]) -> tuple[Mapping[str, Any], ...]:
        try:
            return self._names.detailers(requested.face_detailer, requested.detailers)
        except ExtensionMissing:
            if "face_detailer" not in requested.lenient:
                raise
            notes.append("This server has no ADetailer, so its settings were left out.")
            return ()

    def _refuse_too_much(self, requested: Generation) -> None:
        dialect = self.dialect
        for name, most in (("steps", dialect.most_steps), ("cfg_scale", dialect.most_cfg_scale)):
            given = getattr(requested, name)
            if given is not None and given > most:
                raise Unsupported(f"{dialect.title} takes {name} up to {most:g} (got {given:g}).")
        last_seed = requested.seed + requested.image_count - 1
        if last_seed > dialect.most_seed:
            raise Unsupported(
                f"{dialect.title} takes seeds up to {dialect.most_seed}; the last of these "
                f"images would have {last_seed}."
            )
        if dialect.needs_prompt and not split_loras(requested.prompt)[0]:
            raise Unsupported(f"{dialect.title} needs a prompt.")

    def _checkpoint(self, requested: Generation, forced: str | None) -> Checkpoint | None:
        if forced is not None:
            return self._names.checkpoint(forced)
        wanted = (requested.model or "").strip()
        if wanted or requested.model_hash:
            try:
                return self._names.checkpoint(wanted, requested.model_hash)
            except UnknownName as error:
                if "model" not in requested.lenient and "model_hash" not in requested.lenient:
                    raise
                raise UnknownName(
                    f"{error} The generation data name it; what you choose in model wins."
                ) from None
        return self._names.checkpoint(self.defaults.model)

    def _model_name(self, requested: Generation, checkpoint: Checkpoint | None) -> str:
        """Return the name to choose a preset by; the server is asked only if one is needed."""
        if checkpoint:
            return checkpoint.stem
        size = requested.size
        settled = (size and size.width, size and size.height, requested.steps, requested.cfg_scale)
        return self.catalog.loaded() if None in settled else ""

    def _seed(self, requested: Generation) -> int:
        if requested.seed >= 0:
            return requested.seed
        return random.randrange(RANDOM_SEEDS - requested.image_count)


def _with_defaults[Requested: Generation](requested: Requested, defaults: Defaults) -> Requested:
    """Return the parameters with the credential's words put before the prompts."""
    texts = {
        "prompt": (defaults.prompt_prefix, requested.prompt),
        "negative_prompt": (defaults.negative_prompt, requested.negative_prompt),
    }
    changed = {
        name: _prefixed(prefix, text)
        for name, (prefix, text) in texts.items()
        # A prefix alone says nothing of what to show, and what is repeated is complete.
        if prefix and name not in requested.repeated and (text.strip() or name == "negative_prompt")
    }
    return requested.model_copy(update=changed) if changed else requested


def _prefixed(prefix: str, text: str) -> str:
    """Return the text behind the prefix, unless it begins with it."""
    prefix = prefix.strip().rstrip(",").rstrip()
    if text.strip().casefold().startswith(prefix.casefold()):
        return text
    return f"{prefix}, {text.strip()}" if text.strip() else prefix
