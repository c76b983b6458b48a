"""The client of one WebUI: reusable, shared by threads and greenlets, to be closed at the end."""

from threading import TIMEOUT_MAX
from typing import Self

from sdwebui import caption, generation, listing, png_info, upscale
from sdwebui.answers.images import Images
from sdwebui.answers.report import Report
from sdwebui.application import SCRIPT, Application
from sdwebui.call import Call
from sdwebui.caption import CaptionResult
from sdwebui.errors import InvalidInput, NotAWebUI, WebUIError
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server
from sdwebui.http.transport import Request, Transport
from sdwebui.listing import Listing
from sdwebui.parameters import (
    Caption,
    ControlNet,
    Img2Img,
    ListResources,
    PngInfo,
    Txt2Img,
    Upscale,
)
from sdwebui.planning.planner import NO_DEFAULTS, Defaults
from sdwebui.png_info import PngInfoResult
from sdwebui.resources.cache import Cache
from sdwebui.upscale import UpscaleReport

SECONDS = 600.0
"""The time limit of a call that sets none: big images on small GPUs take minutes."""


class WebUI:
    """One WebUI, with its own connections and lists.

    It may be used by many calls at once, and as a context manager, which closes it.

    Args:
        server: Where it is, or its address alone.
        defaults: The checkpoint for calls that name none, and words put before all prompts.
        application: The application that uses the client: its limits and messages.

    Raises:
        InvalidInput: The address is malformed.

    Example:
        >>> with WebUI("192.168.1.20:7860") as webui:
        ...     for image in webui.txt2img(Txt2Img(prompt="a cat"), seconds=120):
        ...         Path(f"{image.seed}.{image.format.extension}").write_bytes(image.data)
    """

    def __init__(
        self,
        server: Server | str,
        *,
        defaults: Defaults = NO_DEFAULTS,
        application: Application = SCRIPT,
    ) -> None:
        self.server = Server.at(server) if isinstance(server, str) else server
        self._defaults = defaults
        self._application = application
        self._transport = Transport(self.server, application)
        self._cache = Cache(self.server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections; calls that still run go on."""
        self._transport.close()

    def call(self, seconds: float = SECONDS, defaults: Defaults | None = None) -> Call:
        """Return a call whose time limit starts now.

        Args:
            seconds: The time limit of the whole call, waiting in the server's queue included.
            defaults: In the place of the client's own.

        Raises:
            InvalidInput: The time limit is not a positive number of seconds.
        """
        if not 0 < seconds <= TIMEOUT_MAX:
            raise InvalidInput(f"seconds must be a positive number (got {seconds}).")
        return Call(
            self._transport,
            self._cache,
            Deadline.after(seconds),
            self._defaults if defaults is None else defaults,
            self._application,
        )

    def check(self, *, seconds: float = 30.0) -> None:
        """Check that the server lists its models, and the default model among them.

        Raises:
            WebUIError: What is wrong with the address, the access or the default model.
        """
        check(self.call(seconds))

    def txt2img(self, requested: Txt2Img, *, seconds: float = SECONDS) -> Images[Report]:
        """Make images from a prompt; see :func:`sdwebui.generation.txt2img`."""
        return generation.txt2img(self.call(seconds), requested)

    def img2img(self, requested: Img2Img, *, seconds: float = SECONDS) -> Images[Report]:
        """Change an image; see :func:`sdwebui.generation.img2img`."""
        return generation.img2img(self.call(seconds), requested)

    def controlnet(self, requested: ControlNet, *, seconds: float = SECONDS) -> Images[Report]:
        """Make images that others guide; see :func:`sdwebui.generation.controlnet`."""
        return generation.controlnet(self.call(seconds), requested)

    def upscale(self, requested: Upscale, *, seconds: float = SECONDS) -> Images[UpscaleReport]:
        """Enlarge images; see :func:`sdwebui.upscale.upscale`."""
        return upscale.upscale(self.call(seconds), requested)

    def caption(self, requested: Caption, *, seconds: float = SECONDS) -> CaptionResult:
        """Return words for an image; see :func:`sdwebui.caption.caption`."""
        return caption.caption(self.call(seconds), requested)

    def png_info(self, requested: PngInfo, *, seconds: float = SECONDS) -> PngInfoResult:
        """Return how an image was made; see :func:`sdwebui.png_info.png_info`."""
        return png_info.png_info(self.call(seconds), requested)

    def list_resources(self, requested: ListResources, *, seconds: float = SECONDS) -> Listing:
        """Return what the server offers; see :func:`sdwebui.listing.list_resources`."""
        return listing.list_resources(self.call(seconds), requested)


def check(call: Call) -> None:
    """Check that the server lists its models, and the default model among them.

    Raises:
        WebUIError: What is wrong with the address, the access or the default model.
    """
    try:
        call.catalog.checkpoints(fresh=True)
    except NotAWebUI as error:
        raise _explained(call, error) from None
    if call.defaults.model:
        call.catalog.checkpoint(call.defaults.model)


def _explained(call: Call, error: NotAWebUI) -> NotAWebUI:
    """Return the error of a 404 beside a live page: most often ``--api`` is missing."""
    try:
        page = Request("GET", "/", "its page")
        with call.transport.exchange(page, call.deadline) as answer:
            alive = b"<html" in answer.read()[:4096].lower()
    except WebUIError:
        return error
    if not alive or error.status != 404:
        return error
    return NotAWebUI(
        f"{call.server.url} shows a web page but has no API (404). Start the WebUI with --api "
        "(and --listen for other machines); with --subpath, put that path behind base_url.",
        status=404,
    )
