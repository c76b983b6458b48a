"""AUTOMATIC1111 stable-diffusion-webui v1.10.1."""

from __future__ import annotations

from typing import Any, ClassVar

from devkit.simulator.families.webui import WebUI
from devkit.simulator.validation import Pydantic1, Rules
from devkit.simulator.wire import Answer, Request


class A1111(WebUI):
    """The reference: everything as in ``WebUI``, errors with ``errors``."""

    name = "a1111"
    data_name = "a1111"
    version = "v1.10.1"
    rules: ClassVar[Rules] = Pydantic1()
    lists_served = (
        "samplers", "schedulers", "upscalers", "latent-upscale-modes", "face-restorers",
        "realesrgan-models", "hypernetworks", "extensions", "scripts", "script-info", "memory",
    )  # fmt: skip

    def add_routes(self) -> None:
        """As ``WebUI``, and the list of VAEs."""
        super().add_routes()
        self.add("GET", "/sdapi/v1/sd-vae", self.sd_vae)
        self.add("GET", "/queue/status", self.queue_status, guarded=False, part="webui")

    def answer(self, request: Request) -> Answer:
        """As ``FastAPIServer``, with the header that the API's middleware adds."""
        answer = super().answer(request)
        if self.settings.api and answer.status != 500:
            answer.headers.setdefault("x-process-time", "0.0021")
        return answer

    def queue_status(self, _request: Request, _body: Any) -> Answer:
        """Gradio's queue; ``--gradio-auth`` guards this one only."""
        if self.settings.gradio_auth:
            return self.error(401, "Not authenticated")
        return Answer.of_json(self.lists["queue-status"])

    def exception(self, kind: str, text: str) -> Answer:
        """A Python exception: its text stands in ``errors``."""
        value = {"error": kind, "detail": "", "body": "", "errors": text}
        return Answer.of_json(value, 500)

    def error(self, status: int, detail: str) -> Answer:
        """An HTTPException: its text stands in ``detail``."""
        value = {"error": "HTTPException", "detail": detail, "body": "", "errors": ""}
        return Answer.of_json(value, status)
