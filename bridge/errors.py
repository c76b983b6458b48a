"""Conversion of the client's errors into Dify's.

Dify shows the message of a few exceptions of its SDK, which it recognises by their exact class
name. Of all others users see a traceback, and agents' models 3,000 characters of it, so the plugin
raises no others. Denied access becomes "server unavailable", since Dify's newest agent drops the
message of an authorization error.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dify_plugin.config.logger_format import plugin_logger_handler
from dify_plugin.errors.model import (
    CredentialsValidateFailedError,
    InvokeBadRequestError,
    InvokeConnectionError,
    InvokeError,
    InvokeRateLimitError,
    InvokeServerUnavailableError,
)

from sdwebui import errors

MOST_CHARACTERS = 400
"""The longest message, which a dialog and a node show without scrolling."""

_FRAMES = 8
"""Places in the code that the log names for a defect, counted from the innermost."""

_CLASSES: tuple[tuple[type[Exception], type[InvokeError]], ...] = (
    (errors.InvalidInput, InvokeBadRequestError),
    (errors.Rejected, InvokeBadRequestError),
    (errors.RateLimited, InvokeRateLimitError),
    (errors.ProxyFailed, InvokeConnectionError),
    (errors.Unreachable, InvokeConnectionError),
    (errors.AnswerCutOff, InvokeConnectionError),
    (errors.DeadlineExceeded, InvokeConnectionError),
    (Exception, InvokeServerUnavailableError),
)
"""The client's errors and the SDK's; the first match counts."""

_log = logging.getLogger("stable_diffusion_webui")
_log.addHandler(plugin_logger_handler)
_log.propagate = False


@contextmanager
def of_a_tool() -> Iterator[None]:
    """Convert what the block raises into the SDK's error of the same meaning.

    Raises:
        InvokeError: With the client's message.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the SDK shows a traceback of any other exception
        sdk_class = next(sdk for client, sdk in _CLASSES if isinstance(error, client))
        raise sdk_class(_message(error)) from None


@contextmanager
def of_the_provider() -> Iterator[None]:
    """Convert what the block raises into the SDK's error for wrong credentials.

    Raises:
        CredentialsValidateFailedError: With the client's message.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the SDK shows a traceback of any other exception
        raise CredentialsValidateFailedError(_message(error)) from None


def _message(error: Exception) -> str:
    """Return the message for Dify, with the tool that lists the names which it leaves out."""
    if not isinstance(error, errors.WebUIError):
        return _defect_message(error)
    return shortened(" ".join(filter(None, (str(error), _hint(error)))))


def _hint(error: errors.WebUIError) -> str:
    """Return what Dify's users can do beside what the library knows."""
    if isinstance(error, errors.UnknownName) and error.shortened:
        return "sd_list_resources shows all."
    if isinstance(error, errors.ImageMissing):
        return "An agent whose tools get no files gives image_id instead."
    return ""


def shortened(text: str) -> str:
    """Return a message of at most 400 characters, shortened in the middle.

    Its beginning has the cause, its end what to do.
    """
    if len(text) <= MOST_CHARACTERS:
        return text
    head = MOST_CHARACTERS * 5 // 8
    return f"{text[:head].rstrip()} … {text[len(text) - MOST_CHARACTERS + head + 3 :].lstrip()}"


def _defect_message(error: Exception) -> str:
    """Log the place of a defect of the plugin, and return the message for the user.

    The exception's own text is not logged: it may hold what a user wrote, or a secret.
    """
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " > ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames
    )
    _log.error("Defect of the plugin: %s at %s", kind, places)
    return (
        f"The plugin itself failed ({kind}), which is a defect of it. Its log says where: please "
        "report that line."
    )
