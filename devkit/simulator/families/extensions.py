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


class Extension:
    """An extension of a WebUI.

    Args:
        server: Where it is installed.
    """

    title: str

    def __init__(self, server: WebUI) -> None:
        self.server = server

    def apply(self, g: Generation) -> None:
        """Change a generation as its units in ``alwayson_scripts`` want it, and note that."""
        raise NotImplementedError

    def units(self, g: Generation) -> list[Body]:
        """Return the units of a request."""
        scripts = {key.lower(): one for key, one in (g.values["alwayson_scripts"] or {}).items()}
        args = scripts.get(self.title, {}).get("args") or []
        return [unit for unit in args if isinstance(unit, dict)] if args[:1] != [False] else []


class ControlNet(Extension):
    """ControlNet as Forge has it, whose failures are unguided images.

    That of A1111 is assumed to be alike; no recording shows it.
    """

    title = "controlnet"

    def __init__(self, server: WebUI) -> None:
        super().__init__(server)
        self._modules = server.lists.get("controlnet_modules", KNOWN["modules"])
        models = {"model_list": ["None", *server.inventory.controlnets]}
        # No password guards them.
        server.get("/controlnet/model_list", models, guarded=False)
        server.get("/controlnet/module_list", {"module_list": self._modules}, guarded=False)

    def apply(self, g: Generation) -> None:
        """Note the units, and let those that can guide the image."""
        enabled = [unit for unit in self.units(g) if unit.get("enabled", True)]
        for number, unit in enumerate(enabled):
            reported = {
                name: unit.get(name.lower().replace(" ", "_"), default)
                for name, default in KNOWN["claims"].items()
            }
            g.notes[f"ControlNet {number}"] = joined(reported)
            image = _image_of(g, unit)
            known = (
                reported["Module"] in self._modules
                and reported["Resize Mode"] in KNOWN["resize modes"]
            )
            if image and known:
                self._guide(g, unit, image, reported)

    def _guide(self, g: Generation, unit: Body, image: Image.Image, reported: Body) -> None:
        if self.server.is_recorded and reported["Module"] not in KNOWN["without weights"]:
            raise self.server.failure("preprocessor weights")
        if reported["Model"] in self.server.inventory.controlnets:
            g.guides.append(image)
        if unit.get("save_detected_map", True):
            g.maps.append(painter.edges(image).resize(g.size))


def _image_of(g: Generation, unit: Body) -> Image.Image | None:
    """Return the unit's image, the source where it has none, None for an unreadable one."""
    if unit.get("image") is None:
        return g.sources[0] if g.sources else None
    try:
        return imagefiles.decode(unit["image"]).convert("RGB")
    except ValueError:
        return None


class ADetailer(Extension):
    """Repaints faces. Its answers are assumed, no recording shows them."""

    title = "adetailer"

    def __init__(self, server: WebUI) -> None:
        super().__init__(server)
        server.get("/adetailer/v1/ad_model", {"ad_model": KNOWN["detectors"]}, guarded=False)

    def apply(self, g: Generation) -> None:
        """Note the units; those with unknown models do nothing."""
        units = [unit for unit in self.units(g) if unit.get("ad_model") in KNOWN["detectors"]]
        for unit, tail in zip(units, ("", " 2nd", " 3rd", " 4th"), strict=False):
            g.notes[f"ADetailer model{tail}"] = unit["ad_model"]


EXTENSIONS: dict[str, type[Extension]] = {"controlnet": ControlNet, "adetailer": ADetailer}
"""Every extension by the name in the settings."""
