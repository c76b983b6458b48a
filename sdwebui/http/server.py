"""The address of a WebUI and how to log in: base URL, Basic auth, headers, TLS."""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, quote_plus, unquote, urlsplit

from sdwebui.errors import InvalidInput

_EXAMPLE = "http://192.168.1.20:7860"

# Paths that people paste with the base URL: of the API, of its documentation, of Gradio's pages.
_PASTED_PATH = re.compile(
    r"/(sdapi(/.*)?|docs|redoc|openapi\.json|internal/.*|sdcpp/.*|queue/.*|login)/?$"
)

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)

_REQUEST_HEADERS = frozenset(
    {"content-length", "content-type", "transfer-encoding", "connection", "expect", "upgrade"}
)

# One-line form fields drop the line breaks between headers: "A: 1; B: 2", "A: 1 B: 2".
_NEXT_HEADER = re.compile(
    r"\s*;\s*(?=[0-9A-Za-z-]+:(?!//))|\\n|\s*,?\s+(?=(?:[A-Z]|x-)[0-9A-Za-z-]*:\s)"
)

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([^\r\n]*)")


@dataclass(frozen=True, slots=True)
class Server:
    """One WebUI as its user described it; hashable, so that clients can be kept by server.

    Attributes:
        url: Scheme, host, port and sub-path; no trailing slash, no credentials.
        auth: User and password of ``--api-auth``.
        headers: Further headers of each request, for reverse proxies.
        tls_verify: Whether the certificate is checked.
        ca_certificate: PEM of the certificate authority to trust besides the usual ones.
    """

    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls_verify: bool = True
    ca_certificate: str = field(default="", repr=False)

    @classmethod
    def at(
        cls,
        base_url: str,
        *,
        api_auth: str = "",
        headers: str = "",
        tls_verify: bool = True,
        ca_certificate: str = "",
    ) -> Self:
        """Return the server that a person described.

        Args:
            base_url: The scheme may be missing; a trailing slash, ``/docs``, ``/sdapi/v1/…`` and
                ``user:password@`` are accepted.
            api_auth: ``user:password``; takes precedence over the one in ``base_url``.
            headers: ``Name: value`` in lines or separated by semicolons, or a JSON object.
            tls_verify: False accepts any certificate.
            ca_certificate: PEM, with or without its line breaks.

        Raises:
            InvalidInput: One of them is wrong; the message names it and shows no secret.
        """
        url, url_auth = _read_url(base_url)
        auth = _read_auth(api_auth) if api_auth.strip() else url_auth
        pairs = _read_headers(headers)
        if auth and any(name.lower() == "authorization" for name, _ in pairs):
            raise InvalidInput(
                "api_auth and an Authorization line in headers cannot both be sent: "
                "keep api_auth for the WebUI's --api-auth, or the header for a proxy."
            )
        return cls(url, auth, pairs, tls_verify, _read_pem(ca_certificate))

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_loopback(self) -> bool:
        """Whether the URL means "this machine", which inside a container is the container."""
        host = urlsplit(self.url).hostname or ""
        return host in {"localhost", "::1", "0.0.0.0"} or host.startswith("127.")  # noqa: S104

    def request_headers(self) -> dict[str, str]:
        """Return the headers of every request: authorization and the user's own headers."""
        headers = dict(self.headers)
        if self.auth:
            # A1111, SD.Next and Forge accept ASCII passwords only, in whatever encoding
            # (recordings auth-utf8-password-*, auth-latin1-password-*). UTF-8 suits proxies.
            pair = base64.b64encode(":".join(self.auth).encode()).decode("ascii")
            headers["Authorization"] = f"Basic {pair}"
        return headers

    def secrets(self) -> list[str]:
        """Return every spelling of a secret that a response might repeat, the longest first."""
        secrets = {value for _, value in self.headers}
        secrets |= {word for value in secrets for word in value.split() if len(word) > 7}
        if self.auth:
            pair = ":".join(self.auth)
            secrets |= {self.auth[1], pair}
            secrets.add(base64.b64encode(pair.encode()).decode())
        # A redirect may have one in its address.
        secrets |= {escape(value) for value in tuple(secrets) for escape in (quote, quote_plus)}
        return sorted(filter(None, secrets), key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return a text without this server's secrets."""
        for secret in self.secrets():
            # A very short secret is removed only as a word, or the text would be unreadable.
            pattern = re.escape(secret) if len(secret) > 3 else rf"\b{re.escape(secret)}\b"
            text = re.sub(pattern, "•••", text)
        return text


def _read_url(typed: str) -> tuple[str, tuple[str, str] | None]:
    """Return the URL that a person typed, and user and password in it."""
    text = typed.strip().strip("\"'<>")
    if not text:
        raise InvalidInput(f"base_url is missing: give the WebUI's address, such as {_EXAMPLE}.")
    # "http:/host" and "http//host" are typing errors.
    text = re.sub(r"^(https?)(:/+|//+)", r"\1://", text, flags=re.IGNORECASE)
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidInput(f"base_url is not an address: write it like {_EXAMPLE}.") from None
    if parts.scheme not in {"http", "https"}:
        raise InvalidInput(f"base_url must begin with http:// or https://, such as {_EXAMPLE}.")
    if not parts.hostname or not _is_host(parts.hostname):
        raise InvalidInput(f"base_url names no host: write it like {_EXAMPLE}.")
    auth = None
    if parts.username is not None:
        auth = unquote(parts.username), unquote(parts.password or "")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = _PASTED_PATH.sub("", parts.path.rstrip("/")).rstrip("/")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}", auth


def _is_host(name: str) -> bool:
    """Return whether it can be a host's name or address; DNS labels have 1 to 63 characters."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return not re.search(r"[\s*]", name)


def _read_auth(typed: str) -> tuple[str, str]:
    """Return the user and password that a person typed."""
    user, colon, password = typed.strip().partition(":")
    if not colon or not user:
        raise InvalidInput("api_auth must be user:password, as in the WebUI's --api-auth.")
    return user, password


def _read_headers(typed: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that a person typed."""
    text = typed.strip()
    if not text:
        return ()
    if text.startswith("{"):
        try:
            parsed = json.loads(text)
        except json.JSONDecodeError:
            raise InvalidInput('headers is not JSON: write {"Name": "value"}.') from None
        lines = [f"{name}: {value}" for name, value in parsed.items()]
    else:
        lines = [
            header.strip()
            for line in text.splitlines()
            for header in _NEXT_HEADER.split(line)
            if header.strip()
        ]
    pairs = []
    for number, line in enumerate(lines, 1):
        match = _HEADER.fullmatch(line)
        if not match or not match[2].isprintable():
            raise InvalidInput(f"headers: line {number} is not of the form Name: value.")
        if match[1].lower() in _REQUEST_HEADERS:
            raise InvalidInput(f"headers: {match[1]} is set for each request; leave it out.")
        try:
            match[2].encode("latin-1")
        except UnicodeEncodeError:
            raise InvalidInput(
                f"headers: the value in line {number} has a character that HTTP cannot carry."
            ) from None
        pairs.append((match[1], match[2].strip()))
    return tuple(pairs)


def _read_pem(typed: str) -> str:
    """Return a PEM with the line breaks that a one-line form field drops."""
    if not typed.strip():
        return ""
    blocks = []
    for kind, body in _PEM.findall(typed):
        if kind != "CERTIFICATE":
            raise InvalidInput(
                f"ca_certificate holds a {kind.lower()}; paste the certificate only."
            )
        packed = re.sub(r"\s|\\n", "", body)
        lines = [packed[at : at + 64] for at in range(0, len(packed), 64)]
        blocks.append("\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]))
    if not blocks:
        raise InvalidInput("ca_certificate is no PEM: it begins with -----BEGIN CERTIFICATE-----.")
    return "".join(blocks)
