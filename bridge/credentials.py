"""Parsing of Dify's credentials into a call to the server that they describe."""

from collections.abc import Mapping
from typing import Any

from bridge.servers import DEFAULT_SECONDS, MOST_SECONDS, webuis
from sdwebui.call import Call
from sdwebui.errors import InvalidInput
from sdwebui.http.server import Server
from sdwebui.parameter_types import read_model
from sdwebui.planning.planner import Defaults

LEAST_SECONDS = 1.0
"""The least that the credential ``timeout`` may be."""

CHECK_SECONDS = 30.0
"""The time limit for validating credentials, while a person waits for the form."""


def call_for(credentials: Mapping[str, Any], *, seconds: float | None = None) -> Call:
    """Return the call of one invocation, whose time limit starts now.

    Args:
        credentials: As Dify hands them over; an unset one may be missing, None or "".
        seconds: A limit that applies if the ``timeout`` credential is longer.

    Raises:
        InvalidInput: A credential is malformed; no message shows a secret.
    """
    text = {
        name: str(value).strip()
        for name, value in credentials.items()
        if value not in (None, "None")
    }
    server = Server.at(
        text.get("base_url", ""),
        api_auth=text.get("api_auth", ""),
        headers=text.get("headers", ""),
        tls_verify=_read_switch(credentials.get("tls_verify")),
        ca_certificate=text.get("ca_certificate", ""),
    )
    limit = _read_seconds(text.get("timeout", ""))
    defaults = Defaults(
        model=read_model(text.get("model", "")) or "",
        prompt_prefix=text.get("prompt_prefix", ""),
        negative_prompt=text.get("negative_prompt", ""),
    )
    return webuis.get(server).call(min(limit, seconds) if seconds else limit, defaults)


def _read_switch(value: object) -> bool:
    """Return whether a boolean credential is on, as it is by default."""
    return str(value).strip().lower() not in {"false", "0", "no", "off"}


def _read_seconds(text: str) -> float:
    """Return the time limit that a person typed."""
    if not text:
        return DEFAULT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise InvalidInput(
            f"timeout must be a number of seconds from {LEAST_SECONDS:g} to {MOST_SECONDS:g} "
            f"(got {text[:20]!r}); blank means {DEFAULT_SECONDS:g}."
        )
    return seconds
