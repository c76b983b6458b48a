"""The error for a request that got no HTTP response, with what the user can do about it."""

import errno
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from sdwebui.application import SCRIPT, Application
from sdwebui.errors import AnswerCutOff, Unreachable, WebUIError
from sdwebui.http.server import Server

_PROXY_ERRORS = (
    requests.exceptions.ProxyError,
    # The proxy's address cannot be used.
    requests.exceptions.InvalidProxyURL,
    requests.exceptions.InvalidSchema,
)

_BEFORE_SENDING = re.compile(
    r"certificate|hostname|wrong version|unknown protocol|record layer|handshake", re.IGNORECASE
)
"""What OpenSSL reports where the handshake failed, so that nothing was sent."""


def never_arrived(error: requests.RequestException) -> bool:
    """Return whether the request cannot have reached the server, so that it may be sent again."""
    if isinstance(error, requests.exceptions.SSLError):
        return any(isinstance(cause, NewConnectionError) for cause in _causes(error))
    return any(
        isinstance(cause, NewConnectionError | ConnectTimeoutError) for cause in _causes(error)
    )


def error_from_failure(
    server: Server,
    error: requests.RequestException,
    *,
    method: str,
    job: str,
    application: Application = SCRIPT,
) -> WebUIError:
    """Return the exception for a request that got no response.

    Args:
        server: Where the request was sent.
        error: What requests raised.
        method: GET or POST.
        job: What the request was for, in messages.
        application: Adds its own hints.
    """
    parts = urlsplit(server.url)
    causes = list(_causes(error))
    text = server.redact(str(causes[-1]))
    all_text = " ".join(map(str, causes))
    if isinstance(error, requests.exceptions.SSLError) and (
        method == "GET" or _BEFORE_SENDING.search(all_text)
    ):
        return _tls_error(server, all_text)
    if isinstance(error, _PROXY_ERRORS):
        return Unreachable(
            f"The HTTP proxy of the environment (HTTP_PROXY, HTTPS_PROXY) failed for {server.url}. "
            f"Add {parts.hostname} to NO_PROXY, or repair the proxy."
        )
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return Unreachable(
            f"The host name {parts.hostname!r} in base_url was not found. Check its spelling, or "
            f"use the machine's IP address{application.unknown_host_hint}."
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Unreachable(
            f"{server.url} did not take the connection in time. Check the address and port, "
            "that the machine is on, and that its firewall lets this port through."
        )
    code = next((cause.errno for cause in causes if isinstance(cause, OSError)), None)
    if never_arrived(error):
        if code in {errno.ECONNREFUSED, None} or "refused" in text:
            return Unreachable(_refused_message(server, application))
        return Unreachable(
            f"{server.url} cannot be reached ({text}). Check the address, the network between "
            f"{application.name} and that machine, and its firewall."
        )
    if method == "GET":
        secure = server.url.replace("http://", "https://", 1)
        hint = f" If it speaks TLS, base_url must be {secure}." if secure != server.url else ""
        return Unreachable(
            f"{server.url} closed the connection without an answer to: {job}. The WebUI may be "
            f"starting or have crashed; look into its console, then try again.{hint}"
        )
    return AnswerCutOff(
        f"{server.url} closed the connection in the middle of {job}. The WebUI crashed or was "
        "restarted, or a proxy gave up; look into its console. The job was not sent again, "
        "because it may have run."
    )


def _refused_message(server: Server, application: Application) -> str:
    """Return the message about a refused connection."""
    advice = (
        "Start the WebUI so that other machines reach it (AUTOMATIC1111 and Forge: --api --listen) "
        "and check the port in base_url."
    )
    if server.is_loopback and application.loopback_hint:
        port = urlsplit(server.url).port
        advice += application.loopback_hint.format(port=f":{port}" if port else "")
    return f"Nothing listens at {server.url} (connection refused). {advice}"


def _tls_error(server: Server, text: str) -> Unreachable:
    """Return the error for a failed TLS connection."""
    if re.search(
        r"wrong version number|unknown protocol|record layer failure", text, re.IGNORECASE
    ):
        plain = server.url.replace("https://", "http://", 1)
        return Unreachable(
            f"{server.url} does not speak TLS on this port. Set base_url to {plain} instead.",
            retryable=False,
        )
    reason = re.search(r"certificate verify failed: ([^(]*[^( ])", text)
    mismatch = re.search(r"doesn't match|Hostname mismatch[^(]*", text)
    why = reason[1] if reason else mismatch[0] if mismatch else "the handshake failed"
    return Unreachable(
        f"The TLS connection to {server.url} failed: {server.redact(why)}. For a certificate of "
        "your own paste its authority's PEM into ca_certificate, or turn tls_verify off in a "
        "network you trust.",
        retryable=False,
    )


def drop_tracebacks(error: BaseException) -> None:
    """Drop the tracebacks of an exception and of all that it wraps.

    urllib3's frames hold their own exceptions. Such cycles, and with them the frames of the caller
    and the images that these hold, would stay in memory until the next garbage collection.
    """
    for cause in _causes(error):
        cause.__traceback__ = None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and all that it wraps; requests and urllib3 nest them."""
    seen: set[int] = set()
    pending: list[BaseException] = [error]
    while pending:
        cause = pending.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        wrapped = [cause.__cause__, getattr(cause, "reason", None), *cause.args]
        pending += [inner for inner in wrapped if isinstance(inner, BaseException)]
