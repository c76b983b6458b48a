"""ControlNet and ADetailer: always-on scripts of A1111 (extensions) and Forge (built in)."""

import re
from typing import Any

from PIL import Image

from devkit.simulator import imagefiles, painter
from devkit.simulator.families.generation import Generation, joined
from devkit.simulator.families.webui import WebUI

MODULES = ["None", "canny", "depth_midas", "openpose_full", "lineart_realistic", "tile_resample"]
WITHOUT_WEIGHTS = {
    "None", "canny", "invert (from white bg & black line)", "tile_resample", "blur_gaussian",
    "shuffle", "reference_only",
}  # fmt: skip
"""Preprocessors that need no download."""

RESIZE_MODES = ("Just Resize", "Crop and Resize", "Resize and Fill", 0, 1, 2)
DETECTORS = ["face_yolov8n.pt", "face_yolov8s.pt", "hand_yolov8n.pt", "person_yolov8n-seg.pt"]


class Extension:
    """An extension of a WebUI.

    Args:
        server: Where it is installed.
    """

    title: str

    def __init__(self, server: WebUI) -> None:
        self.server = server

    def lists(self) -> dict[str, Any]:
        """Return what it lists, by path; no password guards it."""
        raise NotImplementedError

    def apply(self, g: Generation) -> None:
        """Change a generation as its units in ``alwayson_scripts`` want it, and note that."""
        raise NotImplementedError

    def units(self, g: Generation) -> list[dict[str, Any]]:
        """Return the units of a request."""
        scripts = g.values["alwayson_scripts"] or {}
        named = [unit for title, unit in scripts.items() if title.lower() == self.title]
        args = named[0].get("args") or [] if named else []
        return [unit for unit in args if isinstance(unit, dict)] if args[:1] != [False] else []


class ControlNet(Extension):
    """The extension of A1111: failures are errors. Assumed, no recording shows it."""

    title = "controlnet"

    @property
    def modules(self) -> list[str]:
        """The preprocessors."""
        listed: list[str] = self.server.lists.get("controlnet_modules", MODULES)
        return listed

    def lists(self) -> dict[str, Any]:
        """As ``Extension``."""
        return {
            "/controlnet/model_list": {"model_list": ["None", *self.server.inventory.controlnets]},
            "/controlnet/module_list": {"module_list": self.modules},
        }

    def apply(self, g: Generation) -> None:
        """Let the enabled units guide the image."""
        enabled = [unit for unit in self.units(g) if unit.get("enabled", True)]
        notes = {}
        for number, unit in enumerate(enabled):
            claims = {
                "Module": unit.get("module", "None"),
                "Model": unit.get("model", "None"),
                "Weight": float(unit.get("weight", 1.0)),
                "Resize Mode": unit.get("resize_mode", "Crop and Resize"),
                "Guidance Start": float(unit.get("guidance_start", 0.0)),
                "Guidance End": float(unit.get("guidance_end", 1.0)),
                "Pixel Perfect": unit.get("pixel_perfect", False),
                "Control Mode": unit.get("control_mode", "Balanced"),
            }
            notes[f"ControlNet {number}"] = joined(claims)
            self.guide(g, unit, self.image_of(g, unit))
        g.notes = {**notes, **g.notes}

    def image_of(self, g: Generation, unit: dict[str, Any]) -> Image.Image | None:
        """Return the unit's image, the source where it has none, None for an unreadable one."""
        if unit.get("image") is None:
            return g.sources[0] if g.sources else None
        try:
            return imagefiles.from_base64(unit["image"]).convert("RGB")
        except (ValueError, AttributeError):
            return None

    def guide(self, g: Generation, unit: dict[str, Any], image: Image.Image | None) -> None:
        """Let a unit guide the image, or fail."""
        module, model = unit.get("module", "None"), unit.get("model", "None")
        if image is None:
            raise self.server.failure("control image")
        if module.lower() not in {name.lower() for name in self.modules}:
            raise self.server.failure("control module", module)
        known = {re.sub(r" \[\w+\]$", "", name) for name in self.server.inventory.controlnets}
        if re.sub(r" \[\w+\]$", "", model) not in {*known, "None"}:
            raise self.server.failure("control model", model)
        g.guides.append(image)
        if unit.get("save_detected_map", True):
            g.maps.append(painter.edges(image).resize(g.size))


class ForgeControlNet(ControlNet):
    """Forge's: every failure is an unguided image; the map comes all the same where it can."""

    def guide(self, g: Generation, unit: dict[str, Any], image: Image.Image | None) -> None:
        """As ``ControlNet``, without a word about what is wrong."""
        module, mode = unit.get("module", "None"), unit.get("resize_mode", RESIZE_MODES[1])
        if image is None or module not in self.modules or mode not in RESIZE_MODES:
            return
        if self.server.is_recorded and module not in WITHOUT_WEIGHTS:
            raise self.server.failure("preprocessor weights")
        if unit.get("model") in self.server.inventory.controlnets:
            g.guides.append(image)
        if unit.get("save_detected_map", True):
            g.maps.append(painter.edges(image).resize(g.size))


class ADetailer(Extension):
    """Repaints faces. Its answers are assumed, no recording shows them."""

    title = "adetailer"

    def lists(self) -> dict[str, Any]:
        """As ``Extension``."""
        return {"/adetailer/v1/ad_model": {"ad_model": DETECTORS}}

    def apply(self, g: Generation) -> None:
        """Note the units in the infotext; unknown models do nothing."""
        units = [unit for unit in self.units(g) if unit.get("ad_model") in DETECTORS]
        for number, unit in enumerate(units):
            tail = ("", " 2nd", " 3rd", " 4th")[min(number, 3)]
            g.notes |= {
                f"ADetailer model{tail}": unit["ad_model"],
                f"ADetailer prompt{tail}": unit.get("ad_prompt") or None,
                f"ADetailer confidence{tail}": unit.get("ad_confidence", 0.3),
                f"ADetailer denoising strength{tail}": unit.get("ad_denoising_strength", 0.4),
                "ADetailer version": "24.11.1",
            }


EXTENSIONS: dict[str, type[Extension]] = {"controlnet": ControlNet, "adetailer": ADetailer}
"""Every extension by the name in the settings."""
