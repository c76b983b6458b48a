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
from sdwebui.http.deadline import Deadline
from sdwebui.infotext.prompts import split_loras
from sdwebui.parameters import Control, ControlNet, Generation, Img2Img, Size, Txt2Img
from sdwebui.planning.presets import Preset, preset_for, rounding, size_for, squeezing
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


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides requests for one server within one call.

    Attributes:
        catalog: What the server offers.
        deadline: Of the whole call.
        defaults: What a call that does not say otherwise is made with.
    """

    catalog: Catalog
    deadline: Deadline
    defaults: Defaults = NO_DEFAULTS

    @property
    def dialect(self) -> Dialect:
        """The family of the server."""
        return self.catalog.dialect(self.deadline)

    @property
    def _names(self) -> Resolver:
        return Resolver(self.catalog, self.deadline)

    def txt2img(self, asked: Txt2Img) -> Plan:
        """Decide a txt2img request.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            WebUIError: The server could not be asked.
        """
        asked = self._supported(asked)
        plan, preset = self._common("txt2img", asked)
        given = asked.size or Size()
        width, height = size_for(preset, asked.aspect_ratio, given.width, given.height)
        notes = rounding(given.width, given.height, width, height)
        notes += squeezing(asked.aspect_ratio, given.width, given.height)
        hires, left_out = self._hires(asked)
        notes += left_out
        return replace(plan, width=width, height=height, hires=hires, notes=plan.notes + notes)

    def img2img(self, asked: Img2Img, prepared: Prepared) -> Plan:
        """Decide an img2img request whose files are ready.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            WebUIError: The server could not be asked.
        """
        asked = self._supported(asked)
        plan, _ = self._common("img2img", asked)
        given = asked.size or Size()
        notes = rounding(given.width, given.height, prepared.width, prepared.height)
        return replace(
            plan,
            width=prepared.width,
            height=prepared.height,
            source=prepared.source,
            notes=plan.notes + prepared.notes + notes + self._left_out(asked, prepared),
        )

    def _left_out(self, asked: Img2Img, prepared: Prepared) -> tuple[str, ...]:
        """Return what to say of the mask's settings that this family does not know."""
        if prepared.source.mask is None or self.dialect.mask_options:
            return ()
        return tuple(
            f"{self.dialect.title} knows no {name}, so it was left out."
            for name in _MASK_OPTIONS
            if name in asked.explicit
        )

    def controlnet(self, asked: ControlNet, images: Sequence[str]) -> Plan:
        """Decide a txt2img request that control images guide.

        Args:
            asked: The tool's parameters.
            images: Base64 of one or two RGB PNGs.

        Raises:
            InvalidInput: A name, value or feature that this server does not have.
            ExtensionMissing: The server has no ControlNet.
        """
        large = self._preset(asked).family == "SDXL"
        controls = self._names.controls(asked, images, large=large)
        plan = self.txt2img(asked)
        notes = plan.notes
        if asked.controlnet_1 != Control() and len(images) < 2:
            notes += ("ControlNet 1 was left out, since there is no control_image_2.",)
        return replace(plan, controls=controls, notes=notes)

    def _preset(self, asked: Generation) -> Preset:
        """Return the preset of the model that will make the images."""
        model, _ = split_model(asked.extra)
        checkpoint = self._checkpoint(asked, model)
        name = checkpoint.stem if checkpoint else self.catalog.loaded(self.deadline)
        return preset_for(name, asked.model_family)

    def _hires(self, asked: Txt2Img) -> tuple[HiresFix | None, tuple[str, ...]]:
        """Return the hires fix, and what to say of the parts that this family does not know."""
        if not asked.hires_fix:
            return None, ()
        parts = ("sampler", "scheduler", "prompt", "negative_prompt", "cfg_scale")
        wanted = [part for part in parts if getattr(asked.hires_fix, part) is not None]
        lost = [part for part in wanted if part not in self.dialect.hires_parts]
        left = asked.hires_fix.model_copy(update=dict.fromkeys(lost))
        note = f"{self.dialect.title} has no {' or '.join(lost)} of the hires fix; left out."
        return self._names.hires(left), (note,) if lost else ()

    def _common(self, job: Job, asked: Generation) -> tuple[Plan, Preset]:
        """Decide what all generating jobs share; the size is still to be set."""
        dialect, names = self.dialect, self._names
        asked = with_its_prompts(asked)
        asked = with_its_seed(_with_defaults(asked, self.defaults))
        if job == "txt2img" and not asked.prompt.strip():
            raise InvalidInput(
                "prompt is missing: say what the image should show, in prompt or with generation "
                "data in more_settings."
            )
        self._refuse_too_much(asked)
        model, extra = split_model(asked.extra)
        checkpoint = self._checkpoint(asked, model)
        preset = preset_for(self._model_name(asked, checkpoint), asked.model_family)
        prompt, loras = names.loras(asked)
        sampler, scheduler = names.sampling(asked.sampler, asked.scheduler)
        fields, notes = self._fields(asked)
        detailers = self._detailers(asked, notes)
        strength = asked.variation_strength
        plan = Plan(
            job=job,
            prompt=names.embeddings(prompt),
            negative_prompt=names.embeddings(asked.negative_prompt),
            seed=self._seed(asked),
            count=asked.image_count,
            width=0,
            height=0,
            steps=min(asked.steps or preset.steps, dialect.most_steps),
            cfg_scale=preset.cfg_scale if asked.cfg_scale is None else asked.cfg_scale,
            checkpoint=checkpoint,
            sampler=sampler,
            scheduler=scheduler,
            vaes=self._vaes(asked, notes),
            clip_skip=asked.clip_skip,
            distilled_cfg_scale=asked.distilled_cfg_scale,
            loras=loras,
            styles=names.styles(asked.styles),
            refiner=names.refiner(asked.refiner, asked.refiner_switch_at),
            face_restorer=asked.face_restorer,
            tiling=asked.tiling,
            variation=(asked.variation_seed or 0, strength) if strength else None,
            detailers=detailers,
            task=f"dify-{uuid.uuid4().hex}",
            notes=(*asked.notes, *notes),
            extra=over(fields, extra),
        )
        return plan, preset

    def _supported[Asked: Generation](self, asked: Asked) -> Asked:
        """Return the parameters without those of generation data that this family lacks.

        Raises:
            Unsupported: A field of the form asks for one of them.
        """
        dialect = self.dialect
        left_out: dict[str, Any] = {}
        notes = []
        if "scheduler" in asked.lenient and folded(asked.scheduler or "") == "automatic":
            # Newer WebUIs write it behind every sampler, and it means none in particular.
            left_out["scheduler"] = None
        for name, remark in dialect.unsupported.items():
            if not getattr(asked, name, None) or name in left_out:
                continue
            if name not in asked.lenient:
                raise Unsupported(
                    f"{dialect.title} cannot do {name}: {remark}. Leave {name} blank."
                )
            left_out[name] = type(asked).model_fields[name].get_default(call_default_factory=True)
            if name != "detailers":
                notes.append(f"{name} ({remark})")
        if not left_out:
            return asked
        said = (
            [f"Left out, since {dialect.title} cannot do it: {', '.join(notes)}."] if notes else []
        )
        return asked.model_copy(update={**left_out, "notes": (*asked.notes, *said)})

    def _fields(self, asked: Generation) -> tuple[dict[str, Any], list[str]]:
        """Return the further fields of A1111's request, and what to say where they are not read."""
        body: dict[str, Any] = {}
        lost = []
        for key, path, value in asked.fields:
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

    def _vaes(self, asked: Generation, notes: list[str]) -> tuple[str, ...]:
        try:
            return self._names.vaes(asked.vae)
        except Unsupported as error:
            if "vae" not in asked.lenient:
                raise
            notes.append(f"vae was left out. {error}")
            return ()

    def _detailers(self, asked: Generation, notes: list[str]) -> tuple[Mapping[str, Any], ...]:
        try:
            return self._names.detailers(asked.face_detailer, asked.detailers)
        except ExtensionMissing:
            if "face_detailer" not in asked.lenient:
                raise
            notes.append("This server has no ADetailer, so its settings were left out.")
            return ()

    def _refuse_too_much(self, asked: Generation) -> None:
        dialect = self.dialect
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
        if forced is not None:
            return self._names.checkpoint(forced)
        wanted = (asked.model or "").strip()
        if wanted or asked.model_hash:
            try:
                return self._names.checkpoint(wanted, asked.model_hash)
            except UnknownName as error:
                if "model" not in asked.lenient and "model_hash" not in asked.lenient:
                    raise
                raise UnknownName(
                    f"{error} The generation data name it; what you choose in model wins."
                ) from None
        return self._names.checkpoint(self.defaults.model)

    def _model_name(self, asked: Generation, checkpoint: Checkpoint | None) -> str:
        """Return the name to choose a preset by; the server is asked only if one is needed."""
        if checkpoint:
            return checkpoint.stem
        size = asked.size
        settled = (size and size.width, size and size.height, asked.steps, asked.cfg_scale)
        return self.catalog.loaded(self.deadline) if None in settled else ""

    def _seed(self, asked: Generation) -> int:
        if asked.seed >= 0:
            return asked.seed
        return random.randrange(RANDOM_SEEDS - asked.image_count)


def _with_defaults[Asked: Generation](asked: Asked, defaults: Defaults) -> Asked:
    """Return the parameters with the credential's words put before the prompts."""
    texts = {
        "prompt": (defaults.prompt_prefix, asked.prompt),
        "negative_prompt": (defaults.negative_prompt, asked.negative_prompt),
    }
    changed = {
        name: _prefixed(prefix, text)
        for name, (prefix, text) in texts.items()
        # A prefix alone says nothing of what to show, and what is repeated is complete.
        if prefix and name not in asked.repeated and (text.strip() or name == "negative_prompt")
    }
    return asked.model_copy(update=changed) if changed else asked


def _prefixed(prefix: str, text: str) -> str:
    """Return the text behind the prefix, unless it begins with it."""
    prefix = prefix.strip().rstrip(",").rstrip()
    if text.strip().casefold().startswith(prefix.casefold()):
        return text
    return f"{prefix}, {text.strip()}" if text.strip() else prefix
