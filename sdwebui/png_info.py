"""How an image was made: from its file, and from the server only if that tells nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pybase64

from sdwebui.client import Client
from sdwebui.errors import WebUIError
from sdwebui.http.transport import Request, transport_to
from sdwebui.infotext.parse import Infotext, foreign_maker, parse, read_parameters

NOTHING = (
    "The image holds no generation parameters: it was not made by a WebUI, or an editor, a "
    "messenger or a screenshot dropped them."
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of an image's making.

    Attributes:
        text: The parameters as they are written in the file; "" when there are none.
        infotext: The same, taken apart.
        warnings: Why there are none.
    """

    text: str
    infotext: Infotext
    warnings: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """The variables of the tool; a number that is not told is None."""
        info = self.infotext
        return {
            "prompt": info.prompt if self.text else "",
            "negative_prompt": info.negative_prompt,
            "steps": info.steps,
            "sampler": " ".join(filter(None, (info.sampler, info.scheduler))),
            "seed": info.seed,
            "width": info.width,
            "height": info.height,
            "model": info.model or "",
            "loras": [f"{name}:{weight:g}" for name, weight in info.loras],
            "parameters": self.text,
            "warnings": list(self.warnings),
        }


def told_by_file(data: bytes) -> Origin | None:
    """What an image's own file says; None when it says nothing."""
    text = read_parameters(data)
    return Origin(text, parse(text), ()) if text else None


def told_by_server(client: Client, data: bytes) -> Origin:
    """What the server can read of an image whose file says nothing that is known here."""
    said = _asked_of_server(client, data)
    if said:
        return Origin(said, parse(said), ())
    maker = foreign_maker(data)
    reason = f"The image was made by {maker}, which notes it in its own way." if maker else NOTHING
    return Origin("", Infotext(), (reason,))


def _asked_of_server(client: Client, data: bytes) -> str:
    body = {"image": pybase64.b64encode(data).decode("ascii")}
    request = Request("POST", "/sdapi/v1/png-info", "png_info", body)
    try:
        answer = transport_to(client.server).post(request, client.deadline)
    except WebUIError:
        # sd.cpp and KoboldCpp have no such endpoint, and the file itself said nothing.
        return ""
    return str(answer.get("info") or "") if isinstance(answer, Mapping) else ""
