"""How an image was made: from its file, and from the server only if that holds nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pybase64

from sdwebui.call import Call
from sdwebui.errors import WebUIError
from sdwebui.http.transport import Request
from sdwebui.images.files import required
from sdwebui.images.inputs import open_image
from sdwebui.infotext.makers import foreign_maker
from sdwebui.infotext.parse import Infotext, parse, read_parameters
from sdwebui.parameters import PngInfo

NOTHING = (
    "The image holds no generation parameters: it was not made by a WebUI, or an editor, a "
    "messenger or a screenshot dropped them."
)


@dataclass(frozen=True, slots=True)
class PngInfoResult:
    """The generation data of an image.

    Attributes:
        text: The parameters as they are written in the file; "" when there are none.
        infotext: The same, parsed.
        warnings: Why there are none.
    """

    text: str
    infotext: Infotext
    warnings: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return the variables of the tool; a number that is not known is None."""
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


def png_info(call: Call, requested: PngInfo) -> PngInfoResult:
    """Return how an image was made.

    Raises:
        InvalidInput: The file is no image.
    """
    data = required(requested.image, "image").read()
    text = read_parameters(data)
    if not text:
        # A file that is no image is an error before the server is asked.
        call.application.run(partial(open_image, data, name="image"))
        text = _from_server(call, data)
    if text:
        return PngInfoResult(text, parse(text), ())
    maker = foreign_maker(data)
    reason = f"The image was made by {maker}, which notes it in its own way." if maker else NOTHING
    return PngInfoResult("", Infotext(), (reason,))


def _from_server(call: Call, data: bytes) -> str:
    body = {"image": pybase64.b64encode(data).decode("ascii")}
    request = Request("POST", "/sdapi/v1/png-info", "png_info", body)
    try:
        answer = call.transport.post(request, call.deadline)
    except WebUIError:
        # sd.cpp and KoboldCpp have no such endpoint, and the file itself held nothing.
        return ""
    return str(answer.get("info") or "") if isinstance(answer, Mapping) else ""
