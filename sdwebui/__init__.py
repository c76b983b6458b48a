"""Client of the Stable Diffusion WebUI HTTP API, for every server that speaks it.

See ``docs/library.md`` for examples.
"""

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
