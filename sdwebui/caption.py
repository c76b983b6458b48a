"""An image in words, usable as a prompt."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdwebui.call import Call
from sdwebui.errors import ModelMissing, ServerFault
from sdwebui.http.transport import Request
from sdwebui.images.files import required
from sdwebui.parameters import Caption
from sdwebui.planning.sources import ready


@dataclass(frozen=True, slots=True)
class CaptionResult:
    """Words for an image, and what was changed of it before it was sent."""

    caption: str
    warnings: tuple[str, ...]


def caption(call: Call, requested: Caption) -> CaptionResult:
    """Return words for an image.

    Raises:
        InvalidInput: The file cannot be used.
        ModelMissing: The server lacks the weights for it.
        Unsupported: The server cannot do it.
        WebUIError: Any of the tree.
    """
    data = required(requested.image, "image").read()
    image, encoded = call.application.run(ready, data, "image")
    method = requested.method
    how = call.dialect.caption(encoded, method)
    try:
        answer = call.transport.post(Request("POST", how.path, "caption", how.body), call.deadline)
    except ServerFault as error:
        if "list index out of range" in str(error):
            # A1111 and Forge without DeepDanbooru's file (interrogate-deepdanbooru-model-file-…).
            raise _no_weights(method) from None
        raise
    words = str(answer.get(how.key) or "") if isinstance(answer, Mapping) else ""
    # Without weights A1111 sends "<error>" and SD.Next "CLIP error: …" or "", all with 200.
    if not words.strip() or words.startswith(("<error>", "CLIP error")):
        raise _no_weights(method)
    return CaptionResult(words.strip().removesuffix("<error>").strip(), image.warnings)


def _no_weights(method: str) -> ModelMissing:
    return ModelMissing(
        f"The server could not put the image into words: it seems to lack the weights for "
        f"{method}. Run the interrogator once in the WebUI, which downloads them, or choose the "
        "other method."
    )
