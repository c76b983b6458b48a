"""Every failure that a user can meet, as one small tree of exceptions.

The text of each is complete and meant for the person who uses the app: what happened, in the
server's own words where it had any, and what to do next. No text may hold a secret; whoever builds
one from a server's response passes it through
:func:`sdwebui.http.status_errors.server_message` first.
"""

from typing import Self


class WebUIError(Exception):
    """Base of all failures; ``str(error)`` is the whole message for the user.

    Attributes:
        status: HTTP status of a response that is not 2xx; otherwise None.
        detail: The server's own words, at most 150 characters; "" where it said nothing.
        retryable: Whether the same call may succeed later without a change. The job may have run
            all the same: only for :class:`Unreachable` is it certain that it did not.
    """

    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        detail: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        if retryable is not None:
            self.retryable = retryable

    def copy(self) -> Self:
        """Return a copy without traceback and context."""
        again = type(self)(str(self))
        again.__dict__.update(self.__dict__)
        return again


class InvalidInput(WebUIError):
    """A parameter or credential is wrong; nothing was sent that costs GPU time."""


class UnknownName(InvalidInput):
    """A name (checkpoint, sampler, LoRA, …) that the server does not offer; lists the nearest.

    Attributes:
        shortened: Whether the message names only the first of many.
    """

    def __init__(self, message: str, *, shortened: bool = False) -> None:
        super().__init__(message)
        self.shortened = shortened


class ImageMissing(InvalidInput):
    """The image that a tool works on was not handed over."""


class Unsupported(InvalidInput):
    """Something was requested that this family of servers cannot do."""


class Unreachable(WebUIError):
    """No HTTP response could be had: refused, unknown host, TLS, connect timeout, dropped."""

    retryable: bool = True


class NotAWebUI(WebUIError):
    """Something responded, but not the Stable Diffusion WebUI API."""


class AccessDenied(WebUIError):
    """401 or 403: missing or wrong ``api_auth`` or headers."""


class ServerFault(WebUIError):
    """The server understood the request and failed at it."""


class OutOfMemory(ServerFault):
    """The GPU (or the machine) had too little memory for the job."""


class NotANumber(ServerFault):
    """The model produced NaNs; usually half precision."""


class ModelMissing(ServerFault):
    """The server has no checkpoint, or could not load the one it has."""


class ExtensionMissing(ServerFault):
    """The job needs an extension (ADetailer, ControlNet) that the server does not have."""


class Rejected(ServerFault):
    """The server refused a field of the request (422, or 400)."""


class RateLimited(ServerFault):
    """Too many requests (429), or a queue that is full (503)."""

    retryable: bool = True


class ProxyFailed(ServerFault):
    """A reverse proxy responded in the server's place: 502, 503, 504 or 413."""

    retryable: bool = True


class BadAnswer(WebUIError):
    """The server sent 200 and something that cannot be used."""


class AnswerCutOff(BadAnswer):
    """The connection ended before the response did."""

    retryable: bool = True


class AnswerNotJSON(BadAnswer):
    """The response is not JSON, or not the JSON of this endpoint."""


class AnswerTooLarge(BadAnswer):
    """The response passes the size that the client is ready to take."""


class NotAnImage(BadAnswer):
    """An image that is not base64, or not of an image format."""


class NoImage(BadAnswer):
    """200 without an image."""


class WrongModel(BadAnswer):
    """The images were made with another checkpoint than the one requested."""


class DeadlineExceeded(WebUIError):
    """The whole call took longer than its time limit."""

    retryable: bool = True


class FileUnavailable(InvalidInput):
    """An input image could not be read or downloaded."""
