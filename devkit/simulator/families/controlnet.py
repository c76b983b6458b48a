"""ControlNet and ADetailer as always-on scripts of A1111 (extensions) and Forge (built in)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from PIL import Image

from devkit.simulator import painter, picturefiles
from devkit.simulator.families.base import HTTPError, ServerException
from devkit.simulator.families.generation import Generation
from devkit.simulator.wire import Answer, Request

if TYPE_CHECKING:
    from devkit.simulator.families.preparing import Preparing

MODULES = ["None", "canny", "depth_midas", "openpose_full", "lineart_realistic", "tile_resample"]
WITHOUT_WEIGHTS = ("None", "canny", "invert (from white bg & black line)", "tile_resample",
                   "blur_gaussian", "shuffle", "reference_only")  # fmt: skip
"""Preprocessors that need no download."""

FORGE_DEFAULTS = {
    "resize_mode": "ResizeMode.INNER_FIT",
    "control_mode": "ControlMode.BALANCED",
}
RESIZE_MODES = ("Just Resize", "Crop and Resize", "Resize and Fill")
DETAILERS = ["face_yolov8n.pt", "face_yolov8s.pt", "hand_yolov8n.pt", "person_yolov8n-seg.pt"]


class ControlNet:
    """Units of ``alwayson_scripts.ControlNet.args`` and the endpoints below ``/controlnet``."""

    def __init__(self, server: Preparing, *, forge: bool) -> None:
        self._server = server
        self._forge = forge

    def add_routes(self) -> None:
        """The lists and the preprocessor; no password guards them."""
        for name, handler in (
            ("model_list", self.model_list),
            ("module_list", self.module_list),
            ("control_types", self.control_types),
        ):
            self._server.add("GET", f"/controlnet/{name}", handler, guarded=False)
        self._server.add(
            "POST", "/controlnet/detect", self.detect, model="any object", guarded=False
        )

    @property
    def models(self) -> list[str]:
        """Names of the models with their hashes, without "None"."""
        return self._server.catalog.controlnets

    @property
    def modules(self) -> list[str]:
        """Names of the preprocessors."""
        listed = self._server.lists.get("controlnet_module_list", {"module_list": MODULES})
        names: list[str] = listed["module_list"]
        return names

    def model_list(self, _request: Request, _body: Any) -> Answer:
        """``GET /controlnet/model_list``."""
        return Answer.of_json({"model_list": ["None", *self.models]})

    def module_list(self, _request: Request, _body: Any) -> Answer:
        """``GET /controlnet/module_list``."""
        return Answer.of_json({"module_list": self.modules})

    def control_types(self, _request: Request, _body: Any) -> Answer:
        """``GET /controlnet/control_types``."""
        known = self._server.lists.get("controlnet_control_types")
        whole = {
            "module_list": self.modules, "model_list": ["None", *self.models],
            "default_option": "None", "default_model": "None",
        }  # fmt: skip
        return Answer.of_json(known or {"control_types": {"All": whole}})

    def detect(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /controlnet/detect``: runs a preprocessor."""
        module = body.get("controlnet_module", "none")
        if module not in self.modules:
            raise HTTPError(422, "Module not available")
        images = body.get("controlnet_input_images") or []
        if not images:
            raise HTTPError(422, "No image selected")
        self.check_weights(module)
        maps = [painter.edges(self._server.opened(text)) for text in images]
        encoded = [picturefiles.to_base64(picturefiles.encode(image, None)) for image in maps]
        return Answer.of_json({"images": encoded, "info": "Success"})

    def check_weights(self, module: str) -> None:
        """Raise for a preprocessor whose weights the recorded server could not download."""
        if self._server.settings.catalog == "recorded" and module not in WITHOUT_WEIGHTS:
            raise ServerException("ConnectionError", NO_DOWNLOAD)

    def apply(self, g: Generation) -> None:
        """Let the enabled units guide the image; write what the infotext claims."""
        scripts = g.values.get("alwayson_scripts") or {}
        args = next((v.get("args") for k, v in scripts.items() if k.lower() == "controlnet"), None)
        number = 0
        for unit in args or []:
            if isinstance(unit, dict) and unit.get("enabled", True):
                if self._forge and self._undecodable(unit.get("image")):
                    continue
                self._apply_unit(g, unit, number)
                number += 1

    def _undecodable(self, text: Any) -> bool:
        """Forge forgets a unit whose image is no image at all."""
        if not isinstance(text, str):
            return False
        try:
            picturefiles.from_base64(text)
        except ValueError:
            return True
        return False

    def _apply_unit(self, g: Generation, unit: dict[str, Any], number: int) -> None:
        module, model = unit.get("module", "None"), unit.get("model", "None")
        claims = {"Module": module, "Model": model, "Weight": float(unit.get("weight", 1.0))}
        claims["Resize Mode"] = unit.get(
            "resize_mode", FORGE_DEFAULTS["resize_mode"] if self._forge else "Crop and Resize"
        )
        if unit.get("processor_res", -1) > 0:
            claims["Processor Res"] = unit["processor_res"]
        for key, name in (("threshold_a", "Threshold A"), ("threshold_b", "Threshold B")):
            if unit.get(key, -1) > 0:
                claims[name] = unit[key]
        claims["Guidance Start"] = float(unit.get("guidance_start", 0.0))
        claims["Guidance End"] = float(unit.get("guidance_end", 1.0))
        claims["Pixel Perfect"] = unit.get("pixel_perfect", False)
        claims["Control Mode"] = unit.get(
            "control_mode", FORGE_DEFAULTS["control_mode"] if self._forge else "Balanced"
        )
        if self._forge:
            claims["Hr Option"] = "HiResFixOption.BOTH"
        text = ", ".join(f"{key}: {value}" for key, value in claims.items())
        g.extra = {f"ControlNet {number}": text, **g.extra} if number == 0 else {
            **{k: v for k, v in g.extra.items() if k.startswith("ControlNet")},
            f"ControlNet {number}": text,
            **{k: v for k, v in g.extra.items() if not k.startswith("ControlNet")},
        }  # fmt: skip
        image = self._image(g, unit)
        if self._forge:
            self._guide_forge(g, unit, image, module, model)
        else:
            self._guide(g, unit, image, module, model)

    def _image(self, g: Generation, unit: dict[str, Any]) -> Image.Image | None:
        text = unit.get("image")
        if text is None and not self._forge:
            text = unit.get("input_image")
        if text is None:
            return g.sources[0] if g.sources else None
        if not isinstance(text, str):
            return None
        try:
            return picturefiles.from_base64(text).convert("RGB")
        except ValueError:
            return None

    def _guide_forge(
        self, g: Generation, unit: dict[str, Any], image: Image.Image | None,
        module: str, model: str,
    ) -> None:  # fmt: skip
        """Every failure is an unguided image; the map comes all the same where it can."""
        mode = unit.get("resize_mode", RESIZE_MODES[1])
        if image is None or module not in self.modules or mode not in (*RESIZE_MODES, 0, 1, 2):
            return
        self.check_weights(module)
        if model in self.models:
            g.guides.append(image)
        if unit.get("save_detected_map", True):
            g.appended.append(painter.edges(image).resize(g.size))

    def _guide(
        self, g: Generation, unit: dict[str, Any], image: Image.Image | None,
        module: str, model: str,
    ) -> None:  # fmt: skip
        """The extension of A1111: failures are errors. Assumed, no recording shows it."""
        if image is None:
            raise ServerException("ValueError", "controlnet is enabled but no input image is given")
        if module.lower() not in {name.lower() for name in self.modules}:
            raise ServerException("AssertionError", f"module not found: {module}")
        plain = {re.sub(r" \[\w+\]$", "", name): name for name in self.models}
        if model not in self.models and model not in plain and model != "None":
            raise ServerException("RuntimeError", f"model not found: {model}")
        g.guides.append(image)
        if unit.get("save_detected_map", True):
            g.appended.append(painter.edges(image).resize(g.size))


class ADetailer:
    """The extension that repaints faces. Its answers are assumed, no recording shows them."""

    def __init__(self, server: Preparing) -> None:
        self._server = server

    def add_routes(self) -> None:
        """Its own small API."""
        self._server.add("GET", "/adetailer/v1/version", {"version": "24.11.1"}, guarded=False)
        self._server.add("GET", "/adetailer/v1/ad_model", {"ad_model": DETAILERS}, guarded=False)

    def apply(self, g: Generation) -> None:
        """Write the units into the infotext; unknown models do nothing."""
        scripts = g.values.get("alwayson_scripts") or {}
        args = next((v.get("args") for k, v in scripts.items() if k.lower() == "adetailer"), None)
        units = [unit for unit in args or [] if isinstance(unit, dict)]
        if args and args[0] is False:
            return
        for number, unit in enumerate(unit for unit in units if unit.get("ad_model") in DETAILERS):
            tail = "" if number == 0 else f" {number + 1}nd" if number == 1 else f" {number + 1}rd"
            g.extra[f"ADetailer model{tail}"] = unit["ad_model"]
            if unit.get("ad_prompt"):
                g.extra[f"ADetailer prompt{tail}"] = unit["ad_prompt"]
            g.extra[f"ADetailer confidence{tail}"] = unit.get("ad_confidence", 0.3)
            g.extra[f"ADetailer denoising strength{tail}"] = unit.get("ad_denoising_strength", 0.4)
            g.extra["ADetailer version"] = "24.11.1"


NO_DOWNLOAD = (
    "HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: "
    "/lllyasviel/Annotators/resolve/main/body_pose_model.pth (Caused by NameResolutionError("
    "\"HTTPSConnection(host='huggingface.co', port=443): Failed to resolve 'huggingface.co' "
    '([Errno -2] Name or service not known)"))'
)
