"""Client of the Stable Diffusion WebUI HTTP API, for every server that speaks it.

See ``docs/library.md`` for examples. Each name is imported when it is first used: the plugin needs
few of them, and must start fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdwebui.answers.images import Image, Images
    from sdwebui.answers.report import Report
    from sdwebui.application import Application
    from sdwebui.caption import CaptionResult
    from sdwebui.client import WebUI
    from sdwebui.errors import (
        AccessDenied,
        AnswerCutOff,
        AnswerNotJSON,
        AnswerTooLarge,
        BadAnswer,
        DeadlineExceeded,
        ExtensionMissing,
        FileUnavailable,
        ImageMissing,
        InvalidInput,
        ModelMissing,
        NoImage,
        NotAnImage,
        NotANumber,
        NotAWebUI,
        OutOfMemory,
        ProxyFailed,
        RateLimited,
        Rejected,
        ServerFault,
        UnknownName,
        Unreachable,
        Unsupported,
        WebUIError,
        WrongModel,
    )
    from sdwebui.http.server import Server
    from sdwebui.images.files import ImageFile
    from sdwebui.infotext.parse import Infotext, parse
    from sdwebui.listing import Listing
    from sdwebui.parameters import (
        Caption,
        Control,
        ControlNet,
        Hires,
        Img2Img,
        Inpaint,
        ListResources,
        NamedWeight,
        Outpaint,
        PngInfo,
        Size,
        TargetSize,
        Txt2Img,
        Upscale,
    )
    from sdwebui.planning.planner import Defaults
    from sdwebui.png_info import PngInfoResult
    from sdwebui.upscale import UpscaleReport

_MODULES = {
    "answers.images": ("Image", "Images"),
    "answers.report": ("Report",),
    "application": ("Application",),
    "caption": ("CaptionResult",),
    "client": ("WebUI",),
    "errors": (
        "AccessDenied", "AnswerCutOff", "AnswerNotJSON", "AnswerTooLarge", "BadAnswer",
        "DeadlineExceeded", "ExtensionMissing", "FileUnavailable", "ImageMissing", "InvalidInput",
        "ModelMissing", "NoImage", "NotANumber", "NotAWebUI", "NotAnImage", "OutOfMemory",
        "ProxyFailed", "RateLimited", "Rejected", "ServerFault", "UnknownName", "Unreachable",
        "Unsupported", "WebUIError", "WrongModel",
    ),
    "http.server": ("Server",),
    "images.files": ("ImageFile",),
    "infotext.parse": ("Infotext", "parse"),
    "listing": ("Listing",),
    "parameters": (
        "Caption", "Control", "ControlNet", "Hires", "Img2Img", "Inpaint", "ListResources",
        "NamedWeight", "Outpaint", "PngInfo", "Size", "TargetSize", "Txt2Img", "Upscale",
    ),
    "planning.planner": ("Defaults",),
    "png_info": ("PngInfoResult",),
    "upscale": ("UpscaleReport",),
}  # fmt: skip
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AccessDenied",
    "AnswerCutOff",
    "AnswerNotJSON",
    "AnswerTooLarge",
    "Application",
    "BadAnswer",
    "Caption",
    "CaptionResult",
    "Control",
    "ControlNet",
    "DeadlineExceeded",
    "Defaults",
    "ExtensionMissing",
    "FileUnavailable",
    "Hires",
    "Image",
    "ImageFile",
    "ImageMissing",
    "Images",
    "Img2Img",
    "Infotext",
    "Inpaint",
    "InvalidInput",
    "ListResources",
    "Listing",
    "ModelMissing",
    "NamedWeight",
    "NoImage",
    "NotANumber",
    "NotAWebUI",
    "NotAnImage",
    "OutOfMemory",
    "Outpaint",
    "PngInfo",
    "PngInfoResult",
    "ProxyFailed",
    "RateLimited",
    "Rejected",
    "Report",
    "Server",
    "ServerFault",
    "Size",
    "TargetSize",
    "Txt2Img",
    "UnknownName",
    "Unreachable",
    "Unsupported",
    "Upscale",
    "UpscaleReport",
    "WebUI",
    "WebUIError",
    "WrongModel",
    "parse",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module.

    Raises:
        AttributeError: There is no such name.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
