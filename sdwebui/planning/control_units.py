"""The ControlNet units of a request, with names as the server spells them.

Forge accepts a wrong name, and any other mistake, without an error and makes an unguided image
whose infotext still reports ControlNet (recordings txt2img-controlnet-*), so all names are checked
here.
"""

from collections.abc import Sequence

from sdwebui.dialects import Dialect
from sdwebui.dialects.plan import ControlUnit
from sdwebui.errors import ExtensionMissing, InvalidInput, UnknownName, Unsupported
from sdwebui.parameter_types import Control
from sdwebui.parameters import ControlNet
from sdwebui.resources.catalog import Catalog
from sdwebui.resources.kinds import Resource
from sdwebui.resources.names import folded

_MODEL_WORDS = {
    "canny": ("canny",), "depth": ("depth",), "openpose": ("openpose", "pose"),
    "dwopenpose": ("openpose", "pose"), "lineart": ("lineart",), "scribble": ("scribble",),
    "softedge": ("softedge", "hed"), "hed": ("softedge", "hed"), "mlsd": ("mlsd",),
    "normal": ("normal",), "seg": ("seg",), "tile": ("tile",), "blur": ("tile", "blur"),
    "inpaint": ("inpaint",), "shuffle": ("shuffle",), "recolor": ("recolor",),
    "ipadapter": ("ip-adapter", "ip_adapter"), "instantid": ("instantid", "instant_id"),
}  # fmt: skip
"""Words in the names of the models for a preprocessor, by the beginning of its name, folded."""

_OPTIONAL = ("resize_mode", "pixel_perfect", "processor_res", "threshold_a", "threshold_b")


def control_units(
    catalog: Catalog,
    dialect: Dialect,
    requested: ControlNet,
    images: Sequence[str],
    *,
    large: bool,
) -> tuple[ControlUnit, ...]:
    """Return the units of one or two control images.

    Args:
        catalog: The server's lists.
        dialect: The family of the server.
        requested: The tool's parameters.
        images: Base64 of RGB PNGs.
        large: The checkpoint is of SDXL's family, which has ControlNet models of its own.

    Raises:
        InvalidInput: The server does not have a name, or no model fits.
        ExtensionMissing: The server has no ControlNet.
    """
    if not dialect.controlnet:
        raise Unsupported(f"{dialect.title} has no ControlNet that its API could use.")
    if catalog.entries(Resource.CONTROLNET_MODELS) is None:
        raise ExtensionMissing(
            f"This server lacks the extension ControlNet. {dialect.controlnet_hint}"
        )
    controls = (_first_control(requested), requested.controlnet_1)
    return tuple(
        _unit(catalog, image, control, number, large=large)
        for number, (image, control) in enumerate(zip(images, controls, strict=False))
    )


def _first_control(requested: ControlNet) -> Control:
    """Return the first unit; fields of the form win over those of a text."""
    form = {
        "module": requested.control_module, "model": requested.control_model,
        "weight": requested.control_weight, "end": requested.control_end,
        "mode": requested.control_mode,
    }  # fmt: skip
    text = requested.controlnet_0.model_dump(exclude_none=True)
    explicit = {name: form[name] for name in form if f"control_{name}" in requested.explicit}
    return Control(**{**form, **text, **explicit})


def _unit(
    catalog: Catalog, image: str, control: Control, number: int, *, large: bool
) -> ControlUnit:
    """Return a unit with the server's names and with defaults for what is blank."""
    # "none" on A1111, "None" on Forge, which accepts no other spelling.
    module = catalog.find(Resource.CONTROLNET_MODULES, control.module or "none").name
    optional = {name: value for name in _OPTIONAL if (value := getattr(control, name)) is not None}
    return ControlUnit(
        image=image,
        module=module,
        model=_model(catalog, control, number, large=large),
        weight=1.0 if control.weight is None else control.weight,
        start=control.start or 0.0,
        end=1.0 if control.end is None else control.end,
        mode=control.mode or "balanced",
        **optional,
    )


def _model(catalog: Catalog, control: Control, number: int, *, large: bool) -> str:
    """Return the model of a unit, or one that fits its preprocessor.

    Raises:
        InvalidInput: The server does not have it, none fits, or there is no preprocessor.
    """
    if control.model:
        return catalog.find(Resource.CONTROLNET_MODELS, control.model).name
    module = folded(control.module or "")
    if module.startswith(("reference", "revision")):
        return "None"
    models = catalog.entries(Resource.CONTROLNET_MODELS) or ()
    words = next((words for start, words in _MODEL_WORDS.items() if module.startswith(start)), ())
    fitting = [
        model.name for model in models if any(word in model.name.casefold() for word in words)
    ]
    if fitting:
        same_size = [name for name in fitting if ("xl" in name.casefold()) == large]
        return (same_size or fitting)[0]
    fields = "control_module and control_model" if number == 0 else "ControlNet 1"
    if control.module:
        raise UnknownName(
            f"{fields}: no ControlNet model of this server fits the preprocessor "
            f"{control.module!r}. Name one in full.",
            shortened=True,
        )
    raise InvalidInput(
        f"{fields}: say how the control image guides, with a preprocessor such as canny "
        "or openpose, or with a ControlNet model."
    )
