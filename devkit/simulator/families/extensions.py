"""ControlNet and ADetailer: always-on scripts of A1111 (extensions) and Forge (built in)."""

from PIL import Image

from devkit.simulator import imagefiles, painter
from devkit.simulator.families.base import Body
from devkit.simulator.families.generation import Generation, joined
from devkit.simulator.families.webui import WebUI
from devkit.simulator.inventory import data_of

KNOWN = data_of("extensions")
"""ControlNet's preprocessors (some need no weights), its resize modes, and what the infotext claims
of a unit, with defaults; ADetailer's detectors."""


class ControlNet:
    """ControlNet as Forge has it, whose failures are unguided images.

    That of A1111 is assumed to be alike; no recording shows it.
    """

    def __init__(self, server: WebUI) -> None:
        self._server = server
        self._modules = server.lists.get("controlnet_modules", KNOWN["modules"])
        models = {"model_list": ["None", *server.inventory.controlnets]}
        # No password guards them.
        server.get("/controlnet/model_list", models, guarded=False)
        server.get("/controlnet/module_list", {"module_list": self._modules}, guarded=False)

    def apply(self, g: Generation) -> None:
        """Note the enabled units, and let those that can guide the image."""
        enabled = [unit for unit in _units(g, "controlnet") if unit.get("enabled", True)]
        for number, unit in enumerate(enabled):
            claims = {
                name: unit.get(name.lower().replace(" ", "_"), default)
                for name, default in KNOWN["claims"].items()
            }
            g.notes[f"ControlNet {number}"] = joined(claims)
            image = _image_of(g, unit)
            is_known = claims["Module"] in self._modules
            if image and is_known and claims["Resize Mode"] in KNOWN["resize modes"]:
                self._guide(g, unit, image, claims)

    def _guide(self, g: Generation, unit: Body, image: Image.Image, claims: Body) -> None:
        if self._server.is_recorded and claims["Module"] not in KNOWN["without weights"]:
            raise self._server.failure("preprocessor weights")
        if claims["Model"] in self._server.inventory.controlnets:
            g.guides.append(image)
        if unit.get("save_detected_map", True):
            g.maps.append(painter.edges(image).resize(g.size))


class ADetailer:
    """Repaints faces. Its answers are assumed, no recording shows them."""

    def __init__(self, server: WebUI) -> None:
        server.get("/adetailer/v1/ad_model", {"ad_model": KNOWN["detectors"]}, guarded=False)

    def apply(self, g: Generation) -> None:
        """Note the units; those with unknown models do nothing."""
        units = [one for one in _units(g, "adetailer") if one.get("ad_model") in KNOWN["detectors"]]
        for unit, tail in zip(units, ("", " 2nd", " 3rd", " 4th"), strict=False):
            g.notes[f"ADetailer model{tail}"] = unit["ad_model"]


EXTENSIONS: dict[str, type[ControlNet | ADetailer]] = {
    "controlnet": ControlNet, "adetailer": ADetailer,
}  # fmt: skip
"""Every extension by its name in the settings and, in lower case, in requests."""


def _units(g: Generation, name: str) -> list[Body]:
    """Return the units that a request gives an extension."""
    scripts = {key.lower(): one for key, one in (g.values["alwayson_scripts"] or {}).items()}
    args = scripts.get(name, {}).get("args") or []
    return [unit for unit in args if isinstance(unit, dict)] if args[:1] != [False] else []


def _image_of(g: Generation, unit: Body) -> Image.Image | None:
    """Return the unit's image, the source where it has none, None for an unreadable one."""
    if unit.get("image") is None:
        return g.sources[0] if g.sources else None
    try:
        return imagefiles.decode(unit["image"]).convert("RGB")
    except ValueError:
        return None
