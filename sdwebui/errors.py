"""Every failure a user can meet, as one small tree of exceptions.

The text of each is complete and meant for the person who uses the app: what happened, in the
server's own words where it had any, and what to do next. No text may hold a secret; whoever builds
one from a server's response passes it through
:func:`sdwebui.http.status_errors.in_its_own_words` first.
"""


class WebUIError(Exception):
    """Base of all failures; ``str(error)`` is the whole message for the user."""


class InvalidInput(WebUIError):
    """A parameter or credential is wrong; nothing was sent that costs GPU time."""


class UnknownName(InvalidInput):
    """A name (checkpoint, sampler, LoRA, …) that the server does not offer; lists the nearest."""


class Unsupported(InvalidInput):
    """Something was asked that this family of servers cannot do."""


class Unreachable(WebUIError):
    """No HTTP answer could be had: refused, unknown host, TLS, connect timeout, dropped."""


class NotAWebUI(WebUIError):
    """Something answered, but not the Stable Diffusion WebUI API."""


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


class ProxyFailed(ServerFault):
    """A reverse proxy answered in the server's place: 502, 503, 504 or 413."""


class BadAnswer(WebUIError):
    """The server said 200 and sent something that cannot be used."""


class AnswerCutOff(BadAnswer):
    """The connection ended before the answer did."""


class AnswerNotJSON(BadAnswer):
    """The answer is not JSON, or not the JSON of this endpoint."""


class AnswerTooLarge(BadAnswer):
    """The answer passes the size that the client is ready to take."""


class NotAPicture(BadAnswer):
    """An image that is not base64, or not of an image format."""


class NoPicture(BadAnswer):
    """200 without an image."""


class WrongModel(BadAnswer):
    """The images were made with another checkpoint than the one asked for."""


class DeadlineExceeded(WebUIError):
    """The whole call took longer than the ``timeout`` credential allows."""


class FileUnavailable(InvalidInput):
    """An image handed over by Dify could not be downloaded."""
