"""From a tool's parameters to a plan that the server can carry out.

All that the server's lists and its family's limits show is checked here, before the job is sent:
unknown names, values that are too large, features that it lacks.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sdwebui.dialects import Dialect
from sdwebui.dialects.extra import over, split_model, with_its_prompts, with_its_seed
from sdwebui.dialects.plan import HiresFix, Job, Plan
from sdwebui.errors import ExtensionMissing, InvalidInput, UnknownName, Unsupported
from sdwebui.images.sizes import size_notes
from sdwebui.parameter_types import Control, Size
from sdwebui.parameters import ControlNet, Generation, Img2Img, Txt2Img
from sdwebui.planning.control_units import control_units
from sdwebui.planning.limits import (
    check_limits,
    hires_without_unsupported,
    mask_notes,
    request_fields,
    without_unsupported,
)
from sdwebui.planning.presets import Preset, preset_for, size_for
from sdwebui.planning.resolver import Resolver
from sdwebui.planning.sources import Prepared
from sdwebui.resources.catalog import Catalog
from sdwebui.resources.readers import Checkpoint

RANDOM_SEEDS = 2**31
"""Random seeds are drawn here, below this value: sd.cpp takes them from the clock, so that jobs of
the same second get the same seed, and replaces larger ones by a random one."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Values of calls that do not set them.

    Attributes:
        model: The checkpoint; "" means the loaded one.
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
    """Makes the plans of one call.

    Attributes:
        catalog: The server's lists.
        dialect: The family of the server.
        defaults: Values that the call may leave out.
        job_prefix: Begins the ids of jobs.
    """

    catalog: Catalog
    dialect: Dialect
    defaults: Defaults = NO_DEFAULTS
    job_prefix: str = ""

    @property
    def _names(self) -> Resolver:
        """The resolver of names."""
        return Resolver(self.catalog, self.dialect)

    def txt2img(self, requested: Txt2Img) -> Plan:
        """Return the plan of a txt2img request.

        Raises:
            InvalidInput: The server lacks a name or feature, or a value is wrong.
            WebUIError: A list could not be fetched.
        """
        requested = without_unsupported(self.dialect, requested)
        plan, preset = self._common("txt2img", requested)
        given = requested.size or Size()
        width, height = size_for(preset, requested.aspect_ratio, given.width, given.height)
        notes = size_notes((given.width, given.height), (width, height), requested.aspect_ratio)
        hires, hires_notes = self._hires(requested)
        notes += hires_notes
        return replace(plan, width=width, height=height, hires=hires, notes=plan.notes + notes)

    def img2img(self, requested: Img2Img, prepared: Prepared) -> Plan:
        """Return the plan of an img2img request whose source is prepared.

        Raises:
            InvalidInput: The server lacks a name or feature, or a value is wrong.
            WebUIError: A list could not be fetched.
        """
        requested = without_unsupported(self.dialect, requested)
        plan, _ = self._common("img2img", requested)
        given = requested.size or Size()
        notes = prepared.notes
        notes += size_notes((given.width, given.height), (prepared.width, prepared.height))
        if prepared.source.mask is not None:
            notes += mask_notes(self.dialect, requested)
        return replace(
            plan,
            width=prepared.width,
            height=prepared.height,
            source=prepared.source,
            notes=plan.notes + notes,
        )

    def controlnet(self, requested: ControlNet, images: Sequence[str]) -> Plan:
        """Return the plan of a txt2img request that control images guide.

        Args:
            requested: The tool's parameters.
            images: Base64 of one or two RGB PNGs.

        Raises:
            InvalidInput: The server lacks a name or feature, or a value is wrong.
            ExtensionMissing: The server has no ControlNet.
        """
        large = self._preset(requested).family == "SDXL"
        controls = control_units(self.catalog, self.dialect, requested, images, large=large)
        plan = self.txt2img(requested)
        notes = plan.notes
        if requested.controlnet_1 != Control() and len(images) < 2:
            notes += ("ControlNet 1 was left out, since there is no control_image_2.",)
        return replace(plan, controls=controls, notes=notes)

    def _preset(self, requested: Generation) -> Preset:
        """Return the preset of the checkpoint that will make the images."""
        model, _ = split_model(requested.extra)
        checkpoint = self._checkpoint(requested, model)
        name = checkpoint.stem if checkpoint else self.catalog.loaded()
        return preset_for(name, requested.model_family)

    def _hires(self, requested: Txt2Img) -> tuple[HiresFix | None, tuple[str, ...]]:
        """Return the hires fix, and notes on the parts that the family lacks."""
        if not requested.hires_fix:
            return None, ()
        hires, notes = hires_without_unsupported(self.dialect, requested.hires_fix)
        return self._names.hires(hires), notes

    def _common(self, job: Job, requested: Generation) -> tuple[Plan, Preset]:
        """Return the part of a plan that all jobs share, without its size, and the preset."""
        dialect, names = self.dialect, self._names
        requested = with_its_prompts(requested)
        requested = with_its_seed(_with_defaults(requested, self.defaults))
        if job == "txt2img" and not requested.prompt.strip():
            raise InvalidInput(
                "prompt is missing: say what the image should show, in prompt or with generation "
                "data in more_settings."
            )
        check_limits(dialect, requested)
        model, extra = split_model(requested.extra)
        checkpoint = self._checkpoint(requested, model)
        preset = preset_for(self._model_name(requested, checkpoint), requested.model_family)
        prompt, loras = names.loras(requested)
        sampler, scheduler = names.sampling(requested.sampler, requested.scheduler)
        fields, notes = request_fields(dialect, requested)
        detailers = _resolved(
            "face_detailer",
            requested,
            notes,
            lambda: names.detailers(requested.face_detailer, requested.detailers),
        )
        vaes = _resolved("vae", requested, notes, lambda: names.vaes(requested.vae))
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
            vaes=vaes,
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

    def _checkpoint(self, requested: Generation, forced: str | None) -> Checkpoint | None:
        """Return the checkpoint of the extra JSON, of the model field or of the defaults.

        Raises:
            UnknownName: The server does not have it.
        """
        if forced is not None:
            return self._names.checkpoint(forced)
        name = (requested.model or "").strip()
        if name or requested.model_hash:
            try:
                return self._names.checkpoint(name, requested.model_hash)
            except UnknownName as error:
                if "model" not in requested.lenient and "model_hash" not in requested.lenient:
                    raise
                raise UnknownName(
                    f"{error} The generation data name it; what you choose in model wins.",
                    shortened=error.shortened,
                ) from None
        return self._names.checkpoint(self.defaults.model)

    def _model_name(self, requested: Generation, checkpoint: Checkpoint | None) -> str:
        """Return the checkpoint's name for a preset; the loaded one's only if it is needed."""
        if checkpoint:
            return checkpoint.stem
        size = requested.size
        given = (size and size.width, size and size.height, requested.steps, requested.cfg_scale)
        return self.catalog.loaded() if None in given else ""

    def _seed(self, requested: Generation) -> int:
        """Return the seed, drawn at random if it is -1."""
        if requested.seed >= 0:
            return requested.seed
        return random.randrange(RANDOM_SEEDS - requested.image_count)


def _resolved[Name](
    field: str, requested: Generation, notes: list[str], resolve: Callable[[], tuple[Name, ...]]
) -> tuple[Name, ...]:
    """Return the resolved names; none, with a note, for generation data that the server lacks.

    Raises:
        WebUIError: What ``resolve`` raises for a field of the form.
    """
    try:
        return resolve()
    except ExtensionMissing:
        if field not in requested.lenient:
            raise
        notes.append("This server has no ADetailer, so its settings were left out.")
    except Unsupported as error:
        if field not in requested.lenient:
            raise
        notes.append(f"{field} was left out. {error}")
    return ()


def _with_defaults[Requested: Generation](requested: Requested, defaults: Defaults) -> Requested:
    """Return the parameters with the prompts of the credentials put before their own."""
    texts = {
        "prompt": (defaults.prompt_prefix, requested.prompt),
        "negative_prompt": (defaults.negative_prompt, requested.negative_prompt),
    }
    changed = {
        name: _prefixed(prefix, text)
        for name, (prefix, text) in texts.items()
        # A prefix alone is no prompt, and the prompt of a repeated image is complete.
        if prefix and name not in requested.repeated and (text.strip() or name == "negative_prompt")
    }
    return requested.model_copy(update=changed) if changed else requested


def _prefixed(prefix: str, text: str) -> str:
    """Return the text behind the prefix, unless it begins with it."""
    prefix = prefix.strip().rstrip(",").rstrip()
    if text.strip().casefold().startswith(prefix.casefold()):
        return text
    return f"{prefix}, {text.strip()}" if text.strip() else prefix
