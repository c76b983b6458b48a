"""Upscaling, captions and reading parameters: the endpoints that need no generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from devkit.simulator import infotext, painter, picturefiles
from devkit.simulator.families.base import HTTPError, ServerException
from devkit.simulator.jobs import Job
from devkit.simulator.wire import Answer, Request

if TYPE_CHECKING:
    from devkit.simulator.families.webui import WebUI


class Postprocessing:
    """The extras tab and its neighbours."""

    def __init__(self, server: WebUI) -> None:
        self._server = server

    def add_routes(self) -> None:
        """Serve the endpoints, where the server has them."""
        add = self._server.add
        add("POST", "/sdapi/v1/extra-single-image", self.single, model="extra-single-image")
        add("POST", "/sdapi/v1/extra-batch-images", self.batch, model="extra-batch-images")
        add("POST", "/sdapi/v1/png-info", self.png_info, model="png-info")
        if "interrogate" in self._server.data["fields"]:
            add("POST", "/sdapi/v1/interrogate", self.interrogate, model="interrogate")

    def single(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /extra-single-image``."""
        image = self._server.opened(body["image"])
        with self._server.queue.turn(Job("extras", "extras")):
            result, note = self.upscaled(image, body)
        return Answer.of_json({"html_info": f"<p>{note}</p>", "image": self._file(result)})

    def batch(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /extra-batch-images``."""
        images = [self._server.opened(item["data"]) for item in body["imageList"]]
        with self._server.queue.turn(Job("extras", "extras")):
            results = [self.upscaled(image, body) for image in images]
        return Answer.of_json({
            "html_info": f"<p>{results[-1][1] if results else ''}</p>",
            "images": [self._file(image) for image, _ in results],
        })  # fmt: skip

    def _file(self, image: Image.Image) -> str:
        return picturefiles.to_base64(self._server.file(image, None, 0))

    def upscaled(self, image: Image.Image, body: dict[str, Any]) -> tuple[Image.Image, str]:
        """The bigger image and the words about it. Raises ServerException for bad names."""
        image = image.convert("RGB")
        notes: dict[str, Any] = {}
        for name in ("upscaler_1", "upscaler_2"):
            self._check(body[name])
        if body["upscaler_1"] not in (None, "", "None"):
            if body["resize_mode"] == 1:
                wide, high = body["upscaling_resize_w"], body["upscaling_resize_h"]
                notes["Postprocess upscale to"] = f"{wide}x{high}"
                size = self.target(image.size, (wide, high), crop=body["upscaling_crop"])
            else:
                scale = body["upscaling_resize"]
                notes["Postprocess upscale by"] = scale
                size = (
                    int(image.width * scale) // 8 * 8,
                    int(image.height * scale) // 8 * 8,
                )
            image = image.resize((max(size[0], 8), max(size[1], 8)), Image.Resampling.LANCZOS)
            notes["Postprocess upscaler"] = body["upscaler_1"]
            if body["upscaler_2"] not in (None, "", "None"):
                notes["Postprocess upscaler 2"] = body["upscaler_2"]
        if body.get("gfpgan_visibility"):
            notes["GFPGAN visibility"] = round(body["gfpgan_visibility"], 3)
        if body.get("codeformer_visibility"):
            notes["CodeFormer visibility"] = round(body["codeformer_visibility"], 3)
            notes["CodeFormer weight"] = round(body["codeformer_weight"], 3)
        return image, ", ".join(f"{key}: {value}" for key, value in notes.items())

    def target(
        self, size: tuple[int, int], wanted: tuple[int, int], *, crop: bool
    ) -> tuple[int, int]:
        """Size for ``resize_mode`` 1: cropped to it, else large enough to cover it."""
        if crop:
            return wanted
        scale = max(wanted[0] / size[0], wanted[1] / size[1])
        return int(size[0] * scale) // 8 * 8, int(size[1] * scale) // 8 * 8

    def _check(self, name: str | None) -> None:
        known = {item["name"] for item in self._server.lists["upscalers"]}
        if name and name not in known:
            raise ServerException("AssertionError", f"could not find upscaler named {name}")

    def png_info(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /png-info``."""
        image = self._server.opened(body["image"])
        text = picturefiles.parameters_in(image)
        parameters = infotext.read(text)
        infotext.split_styles(parameters, self._server.catalog.styles)
        self._server.read_parameters(parameters)
        return Answer.of_json({"info": text, "items": {}, "parameters": parameters})

    def interrogate(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /interrogate``: clip or deepdanbooru; without weights as the real ones."""
        if body["image"] is None:
            raise HTTPError(404, "Image not found")
        image = self._server.opened(body["image"])
        if body["model"] not in ("clip", "deepdanbooru"):
            raise HTTPError(404, "Model not found")
        without_weights = self._server.settings.catalog == "recorded"
        if body["model"] == "deepdanbooru":
            if without_weights:
                raise ServerException("IndexError", "list index out of range")
            words = painter.described(image).replace(" with a ", " ").replace(" and ", " ")
            return Answer.of_json({"caption": ", ".join(words.split()[1:])})
        caption = "<error>" if without_weights else painter.described(image)
        return Answer.of_json({"caption": caption})
