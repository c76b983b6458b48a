"""Programs that are no WebUIs and note in formats of their own how an image was made."""

from sdwebui.images import metadata

_MAKERS = {
    "workflow": "ComfyUI",
    "invokeai_metadata": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "Software": "NovelAI",
    "fooocus_scheme": "Fooocus",
}
"""The program by the keyword of its text in a PNG; any program may write ``Software``."""


def foreign_maker(data: bytes) -> str | None:
    """Return the program that made a PNG and noted it in its own format; None for all others."""
    texts = metadata.png_texts(data)
    return next(
        (
            maker
            for keyword, maker in _MAKERS.items()
            if keyword in texts and (keyword != "Software" or texts[keyword] == maker)
        ),
        None,
    )
