"""The error for an HTTP response that is not 2xx, from its status and body.

The patterns are phrases of AUTOMATIC1111 1.6 and 1.10, Forge, SD.Next, stable-diffusion.cpp and
KoboldCpp, from their recorded responses and their sources.
"""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from sdwebui.errors import (
    AccessDenied,
    ExtensionMissing,
    ModelMissing,
    NotANumber,
    NotAWebUI,
    OutOfMemory,
    ProxyFailed,
    RateLimited,
    Rejected,
    ServerFault,
    WebUIError,
)
from sdwebui.http.server import Server

MOST_CHARACTERS = 150
"""Characters of a server's own text that a message repeats."""

_FAILURES: tuple[tuple[str, type[ServerFault], str, str], ...] = (
    (
        r"OutOfMemory|out of memory|not enough (GPU |video )?memory|failed to allocate|bad_alloc"
        r"|generate_image returned no results",
        OutOfMemory,
        "The GPU ran out of memory during {job}.",
        "Ask for a smaller size or fewer images, turn the hires fix off, or start the WebUI with "
        "--medvram.",
    ),
    (
        r"NansException|tensor with (all )?NaNs|all NaNs",
        NotANumber,
        "The model produced NaNs instead of an image.",
        "Start the WebUI with --no-half-vae (or --no-half), or choose another VAE.",
    ),
    (
        r"no vision model",
        ModelMissing,
        "The server has no model that sees images for {job}.",
        "Start KoboldCpp with a vision model and its projector (--mmproj).",
    ),
    (
        r"No checkpoints? found|Can't run without a checkpoint|You do not have any model"
        r"|Failed to recognize model type"
        r"|no model (is )?(loaded|selected)"
        r"|Could not find checkpoint|failed to load (the )?(model|checkpoint)"
        r"|SafetensorError|deserializing header|checkpoint.*corrupt"
        r"|(state_dict|safetensors).*(missing|header|corrupt|invalid)",
        ModelMissing,
        "The server could not load a checkpoint for {job}.",
        "Put one into its models/Stable-diffusion folder, or choose another model.",
    ),
)
"""Pattern of a server's message, error, what happened, what to do; the first match counts."""

_EXTENSION = re.compile(r"Script '([^']+)' not found|Always on script not found: (.+)")
"""A1111's and Forge's message, and SD.Next's."""


def server_message(server: Server, body: bytes, content_type: str = "") -> str:
    """Return the server's message, at most 150 characters, without secrets, tags or images.

    A1111 fills ``detail`` for HTTP errors and ``errors`` for exceptions, Forge has ``message``
    instead, validation errors are lists of ``{loc, msg}``, sd.cpp sends ``{error, message}``,
    KoboldCpp ``{detail: {msg}}``, proxies send HTML.
    """
    text = body[:65536].decode("utf-8", "replace")
    try:
        reported = _from_json(json.loads(text))
    except (ValueError, RecursionError):
        reported = _from_html(text) if "<" in text or "html" in content_type else text
    # Redacted before and after: a secret may hold spaces, or be broken over lines.
    reported = server.redact(" ".join(server.redact(reported).split()))
    return reported if len(reported) <= MOST_CHARACTERS else f"{reported[: MOST_CHARACTERS - 1]}…"


def _from_json(content: Any) -> str:
    """Return the message in the JSON of an error."""
    if not isinstance(content, Mapping):
        return json.dumps(content, ensure_ascii=False)
    kind = str(content.get("error") or "")
    for key in ("detail", "errors", "message"):
        match content.get(key):
            case str(reported) if reported:
                # "OutOfMemoryError" adds something to the message, these do not.
                named = (
                    kind and kind not in reported and kind not in {"HTTPException", "server_error"}
                )
                return f"{kind}: {reported}" if named else reported
            case list(findings) if findings:
                return "; ".join(map(_finding, findings))
            case {"msg": str(reported)}:
                return reported
    return kind


def _finding(finding: Any) -> str:
    """Return a validation error as its field and message, without the value that was sent."""
    if not isinstance(finding, Mapping):
        return str(finding)
    where = [str(part) for part in finding.get("loc", []) if part != "body"]
    return f"{'.'.join(where) or 'body'}: {finding.get('msg', 'invalid')}"


def _from_html(page: str) -> str:
    """Return the title of a web page, or its text."""
    title = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    if title and title[1].strip():
        return unescape(title[1])
    bare = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL | re.IGNORECASE)
    return unescape(bare)


def error_from_response(
    server: Server, status: int, headers: Mapping[str, str], body: bytes, *, job: str
) -> WebUIError:
    """Return the exception for a response that is not 2xx.

    Args:
        server: Where the request was sent.
        status: HTTP status.
        headers: Headers of the response.
        body: Its first bytes; 64 KiB are enough.
        job: What the request was for, such as "txt2img" or "list the models".
    """
    detail = server_message(server, body, headers.get("Content-Type", ""))
    error = _error(server, status, headers, detail, job)
    error.status, error.detail = status, detail
    return error


def _error(
    server: Server, status: int, headers: Mapping[str, str], reported: str, job: str
) -> WebUIError:
    """Return the exception for a status and a server's message."""
    quoted = f' It said: "{reported}"' if reported else ""
    match status:
        case 401:
            return AccessDenied(_unauthorized_message(server, quoted))
        case 403:
            return AccessDenied(
                f"The server at {server.url} forbids this (403).{quoted} Check the headers "
                "credential and the rules of the proxy in front of the WebUI."
            )
        case 429:
            return RateLimited(
                f"The server at {server.url} limits requests (429) and has had too many.{quoted} "
                "Wait a minute before the next one, or raise its rate limit."
            )
        case 503:
            if re.search(r"busy|queue", reported, re.IGNORECASE):
                return RateLimited(
                    f"The server at {server.url} is busy and its queue is full (503).{quoted} "
                    "Try again when some of its jobs are done."
                )
            return _known_failure(reported, quoted, job) or ProxyFailed(
                _proxy_message(server, status, quoted)
            )
    known = _proxy_error(server, status, reported, quoted) or _known_failure(reported, quoted, job)
    if known:
        return known
    # "Sampler not found", "Init image not found": the route exists, a value is refused.
    refused = status == 404 and re.fullmatch(r"\w[\w ]* not found", reported) is not None
    if status in {404, 405, 501} and not refused:
        return NotAWebUI(
            f"The server at {server.url} has no endpoint for {job} ({status}).{quoted} "
            "Check base_url, start the WebUI with --api, or use a server that offers it."
        )
    if status in {400, 422} or refused:
        return Rejected(
            f"The server refused a value of the {job} request ({status}).{quoted} "
            "Change that parameter, or that field of the JSON in more_settings."
        )
    if 300 <= status < 400:
        return NotAWebUI(_redirect_message(server, status, headers.get("Location", "")))
    return ServerFault(
        f"The server at {server.url} failed at {job} ({status}).{quoted or ' It gave no reason.'} "
        "Look into the WebUI's console for the full error."
    )


def _proxy_error(server: Server, status: int, reported: str, quoted: str) -> WebUIError | None:
    """Return the error for a response that only a proxy sends; 52x and 530 are Cloudflare's."""
    match status:
        case 400 if "plain HTTP request was sent to HTTPS port" in reported:
            # nginx sends this sentence.
            return NotAWebUI(
                f"{server.url} speaks TLS on this port. Set base_url to "
                f"{server.url.replace('http://', 'https://', 1)} instead."
            )
        case 407:
            return ProxyFailed(
                "The HTTP proxy of the environment (HTTP_PROXY, HTTPS_PROXY) asks for a password "
                f"(407). Put it into that setting, or add the host of {server.url} to NO_PROXY.",
                retryable=False,
            )
        case 413:
            return ProxyFailed(
                f"The request is too large for the proxy in front of the WebUI (413).{quoted} "
                "Raise its limit (nginx: client_max_body_size 256m) or send smaller images.",
                retryable=False,
            )
        case 525 | 526:
            return ProxyFailed(_proxy_message(server, status, quoted), retryable=False)
        case 502 | 504 | 520 | 521 | 522 | 523 | 524 | 530:
            return ProxyFailed(_proxy_message(server, status, quoted))
    return None


def _known_failure(reported: str, quoted: str, job: str) -> WebUIError | None:
    """Return the error for a message that is known from real servers, or None."""
    for pattern, kind, happened, advice in _FAILURES:
        if re.search(pattern, reported, re.IGNORECASE):
            return kind(f"{happened.format(job=job)}{quoted} {advice}")
    extension = _EXTENSION.search(reported)
    if extension:
        name = (extension[1] or extension[2]).strip()
        return ExtensionMissing(
            f"The server lacks the extension {name}.{quoted} Install it in "
            "the WebUI (Extensions, Install from URL) and restart the WebUI, or leave it out."
        )
    return None


def _unauthorized_message(server: Server, quoted: str) -> str:
    """Return the message about a missing or wrong password."""
    if server.auth is None:
        hint = "It asks for a password: set api_auth to user:password, as in its --api-auth."
    elif not ":".join(server.auth).isascii():
        hint = "The WebUI reads ASCII passwords only, and api_auth has another character."
    else:
        hint = "api_auth is wrong: give user:password exactly as in the WebUI's --api-auth."
    return f"The server at {server.url} refused access (401).{quoted} {hint}"


def _proxy_message(server: Server, status: int, quoted: str) -> str:
    """Return the message about a proxy that could not reach the WebUI."""
    cause = {
        502: "could not reach the WebUI; it may be restarting or have crashed",
        503: "has no WebUI to hand the request to; it may be starting or overloaded",
        504: "gave up waiting for the WebUI; many do so after 60 seconds",
        # Of Cloudflare (its documentation of 5xx errors).
        524: "gave up waiting for the WebUI; Cloudflare does so after 100 seconds",
        525: "could not agree on TLS with the WebUI's machine",
        526: "does not trust the certificate of the WebUI's machine",
    }.get(status, "could not reach the WebUI's machine")
    advice = {
        504: "Raise its read timeout above that of a call (nginx: proxy_read_timeout 620s).",
        524: "Use an address that does not lead through Cloudflare, or ask for less at once.",
        525: "Repair the TLS settings behind the proxy.",
        526: "Repair the TLS settings behind the proxy.",
    }.get(status, "See whether the WebUI runs, and try again in a minute.")
    return f"The proxy at {server.origin} {cause} ({status}).{quoted} {advice}"


def _redirect_message(server: Server, status: int, location: str) -> str:
    """Return the message about a redirect that is not followed."""
    target = server.redact(re.sub(r"//[^/@]*@", "//", location))[:200] or "nowhere"
    return (
        f"The server at {server.url} redirects to {target} ({status}), which is not followed "
        "there. Set base_url to the address that finally answers."
    )
