"""The one place where our errors become Dify's.

Dify shows the plain sentence of a few exceptions of its SDK, which it knows by their exact class
name; of all others people get a traceback, and agents' models 3,000 characters of it. So nothing
else leaves the plugin. Denied access is "server unavailable": of an authorization error Dify's
newest agent drops the words.
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
"""Of a message: what a dialog, a node and a model show and read without scrolling."""

_FRAMES = 8
"""Places of the code that the log names for a defect, the last ones."""

_CLASSES: tuple[tuple[type[errors.WebUIError], type[InvokeError]], ...] = (
    (errors.InvalidInput, InvokeBadRequestError),
    (errors.Rejected, InvokeBadRequestError),
    (errors.RateLimited, InvokeRateLimitError),
    (errors.ProxyFailed, InvokeConnectionError),
    (errors.Unreachable, InvokeConnectionError),
    (errors.AnswerCutOff, InvokeConnectionError),
    (errors.DeadlineExceeded, InvokeConnectionError),
    (errors.WebUIError, InvokeServerUnavailableError),
)
"""The first that fits counts."""

_log = logging.getLogger("stable_diffusion_webui")
_log.addHandler(plugin_logger_handler)
_log.propagate = False


@contextmanager
def of_a_tool() -> Iterator[None]:
    """Turn what is raised inside the block into the SDK's error of the same meaning.

    Raises:
        InvokeError: With our sentence.
    """
    try:
        yield
    except errors.WebUIError as error:
        kind = next(theirs for ours, theirs in _CLASSES if isinstance(error, ours))
        raise kind(_sentence(error)) from None
    except Exception as error:  # noqa: BLE001 - the user gets a sentence, the log the place
        raise InvokeServerUnavailableError(_defect(error)) from None


@contextmanager
def of_the_provider() -> Iterator[None]:
    """The same for the check of the credentials.

    Raises:
        CredentialsValidateFailedError: With our sentence.
    """
    try:
        yield
    except errors.WebUIError as error:
        raise CredentialsValidateFailedError(_sentence(error)) from None
    except Exception as error:  # noqa: BLE001 - the user gets a sentence, the log the place
        raise CredentialsValidateFailedError(_defect(error)) from None


def _sentence(error: errors.WebUIError) -> str:
    """Return the message as Dify shows it; names that it leaves out are in another tool."""
    more = isinstance(error, errors.UnknownName) and error.shortened
    return shortened(f"{error} sd_list_resources shows all." if more else str(error))


def shortened(text: str) -> str:
    """Return a message of at most 400 characters; cause and cure, at its ends, stay."""
    if len(text) <= MOST_CHARACTERS:
        return text
    head = MOST_CHARACTERS * 5 // 8
    return f"{text[:head].rstrip()} … {text[len(text) - MOST_CHARACTERS + head + 3 :].lstrip()}"


def _defect(error: Exception) -> str:
    """Log where a fault of the plugin itself happened, and return the sentence for its user.

    The exception's own text is not logged: it may hold what a user wrote, or a secret.
    """
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " > ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames)
    _log.error("Defect of the plugin: %s at %s", kind, places)
    return (
        f"The plugin itself failed ({kind}), which is a defect of it. Its log says where: please "
        "report that line."
    )
