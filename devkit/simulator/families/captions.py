"""SD.Next's ways to describe an image: openclip, caption, vqa and tagger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from devkit.simulator import painter
from devkit.simulator.families.base import HTTPError
from devkit.simulator.wire import Answer, Request

if TYPE_CHECKING:
    from devkit.simulator.families.webui import WebUI

CAPTION_PARTS = (
    "medium", "artist", "movement", "trending", "flavor", "tags", "scores", "answer",
    "annotated_image",
)  # fmt: skip


class Captions:
    """The endpoints; their words follow from the image's colours."""

    def __init__(self, server: WebUI) -> None:
        self._server = server

    def add_routes(self) -> None:
        """Lists of models, and one endpoint a way."""
        add, lists = self._server.add, self._server.lists
        add("GET", "/sdapi/v1/vqa/models", lists["vqa_models"])
        add("GET", "/sdapi/v1/vqa/prompts", lists["vqa_prompts"])
        add("GET", "/sdapi/v1/tagger/models", lists["tagger_models"])
        add("GET", "/sdapi/v1/openclip", ["ViT-L-14/openai", "ViT-H-14/laion2b_s32b_b79k"])
        add("POST", "/sdapi/v1/openclip", self.openclip, model="openclip")
        add("POST", "/sdapi/v1/caption", self.caption, model="any object")
        add("POST", "/sdapi/v1/vqa", self.vqa, model="vqa")
        add("POST", "/sdapi/v1/tagger", self.tagger, model="tagger")

    def openclip(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /openclip``."""
        self.caption_source(body)
        if body.get("model", "clip") in ("nope", ""):
            raise HTTPError(404, "Model not found")
        text = self.described(body)
        return Answer.of_json({
            "caption": text, "medium": None, "artist": None, "movement": None, "trending": None,
            "flavor": None,
        })  # fmt: skip

    def described(self, body: dict[str, Any]) -> str:
        """A caption; the recorded server had no weights for one."""
        image = self.caption_source(body)
        if self._server.settings.catalog == "recorded":
            return "CLIP error: <class 'OSError'>"
        return painter.described(image)

    def caption_source(self, body: dict[str, Any]) -> Image.Image:
        """The image to describe."""
        if not body.get("image"):
            raise HTTPError(404, "Image not found")
        return self._server.opened(body["image"])

    def caption(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /caption``: the ``backend`` decides."""
        backends = ("openclip", "tagger", "vlm", "analyze")
        if body.get("backend") not in backends:
            return Answer.of_json({"detail": [self.no_backend(body, backends)]}, 422)
        text = self.described(body)
        blank = dict.fromkeys(CAPTION_PARTS)
        return Answer.of_json({"backend": body["backend"], "caption": text, **blank})

    def no_backend(self, body: dict[str, Any], backends: tuple[str, ...]) -> dict[str, Any]:
        """The complaint of pydantic 2 about a missing or unknown tag."""
        if "backend" not in body:
            text = "Unable to extract tag using discriminator 'backend'"
            return {
                "type": "union_tag_not_found", "loc": ["body"], "msg": text, "input": body,
                "ctx": {"discriminator": "'backend'"},
            }  # fmt: skip
        expected = ", ".join(f"'{name}'" for name in backends)
        text = (
            f"Input tag '{body['backend']}' found using 'backend' does not match any of the "
            f"expected tags: {expected}"
        )
        return {
            "type": "union_tag_invalid", "loc": ["body"], "msg": text, "input": body,
            "ctx": {
                "discriminator": "'backend'", "tag": body["backend"], "expected_tags": expected,
            },
        }  # fmt: skip

    def vqa(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /vqa``: a question about an image."""
        return Answer.of_json({
            "answer": painter.described(self.caption_source(body)), "annotated_image": None,
        })  # fmt: skip

    def tagger(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /tagger``: tags, separated by commas."""
        words = painter.described(self.caption_source(body)).replace(" with a ", " ").split()
        recorded = self._server.settings.catalog == "recorded"
        tags = "" if recorded else ", ".join(words[1:])
        return Answer.of_json({"tags": tags, "scores": None})
