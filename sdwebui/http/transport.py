"""HTTP to one WebUI: shared connections, a deadline for each exchange, no job sent twice."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from sdwebui.application import SCRIPT, Application
from sdwebui.errors import AnswerCutOff, AnswerTooLarge, DeadlineExceeded, NotAWebUI, WebUIError
from sdwebui.http.connection_errors import drop_tracebacks, error_from_failure, never_arrived
from sdwebui.http.connections import Adapter, Session, Watch, watched
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server
from sdwebui.http.status_errors import error_from_response

CONNECT_SECONDS = 10.0
"""How long a TCP connection and each step of the TLS handshake may take."""

ERROR_SECONDS = 5.0
"""How long to wait for the body of an error: its status says the most."""

END_SECONDS = 1.0
"""How long to wait for the end of a response when all that matters has arrived."""

CHUNK = 128 * 1024
"""Bytes read at once: larger chunks save little time and cost memory in each call."""

MOST_JSON = 32 * 2**20
"""Bytes of a response that holds no images. SD.Next's prompt-styles are over 1 MB."""

_PAUSES = (0.2, 0.6)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED_STATUS = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: GET or POST.
        path: Under the base URL, with its leading slash.
        job: What it is for, in messages: "txt2img", "list the models".
        body: Sent as JSON when there is one.
        headers: Beside those that every request to the server carries.
    """

    method: str
    path: str
    job: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Answer:
    """A server's response whose body is still to be read."""

    def __init__(self, server: Server, job: str, response: requests.Response, watch: Watch) -> None:
        self._server = server
        self._job = job
        self._response = response
        self._watch = watch
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives, decompressed.

        Raises:
            AnswerCutOff: The connection ended before the body did.
            DeadlineExceeded: The time is up.
        """
        raw = self._response.raw
        try:
            while not self._watch.expired and (chunk := raw.read1(CHUNK, decode_content=True)):
                yield chunk
        except (HTTPError, OSError) as error:
            drop_tracebacks(error)
            if self._watch.expired:
                raise _late(self._server, self._job) from None
            raise AnswerCutOff(
                f"The answer of {self._server.url} broke off half-way. The WebUI or a proxy before "
                "it stopped or restarted; look into its console, then try again."
            ) from error
        if self._watch.expired:
            raise _late(self._server, self._job)

    def limit_remaining(self, seconds: float = END_SECONDS) -> None:
        """Wait at most so long for the rest of the body."""
        if self._response.raw.length_remaining != 0:
            self._watch.limit_remaining(seconds)

    def read(self, most: int = MOST_JSON) -> bytes:
        """Return the whole body.

        Raises:
            AnswerTooLarge: It is longer than ``most`` bytes.
            AnswerCutOff: As :meth:`chunks`.
            DeadlineExceeded: As :meth:`chunks`.
        """
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > most:
                raise AnswerTooLarge(
                    f"The answer of {self._server.url} is larger than {most >> 20} MB. "
                    "Is base_url the address of a WebUI?"
                )
        return bytes(body)

    def json(self) -> Any:
        """Return the whole body as JSON.

        Raises:
            NotAWebUI: It is a web page, or text.
        """
        body = self.read()
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            page = b"<html" in body[:2048].lower() or b"<!doctype" in body[:2048].lower()
            raise NotAWebUI(
                f"The server at {self._server.url} answered {self._job} with "
                f"{'a web page' if page else 'text'} instead of JSON. Check base_url, start the "
                "WebUI with --api, and see whether a login page or a proxy stands in between."
            ) from None


class Transport:
    """Sends requests to one server; safe to share between threads and greenlets."""

    def __init__(self, server: Server, application: Application = SCRIPT) -> None:
        self.server = server
        self._application = application
        self._session = Session()
        # No cookie is kept: invocations of different users share this session.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.clear()
        self._session.headers.update(
            {
                "User-Agent": application.user_agent,
                "Accept": "application/json",
                # Base64 images hardly shrink, and decompressing costs more time than it saves.
                "Accept-Encoding": "identity",
            }
        )
        self._session.headers.update(server.request_headers())
        # Proxies and certificate authorities of the environment are looked up once, not for each
        # request, and passwords never in a .netrc file.
        environment = self._session.merge_environment_settings(
            server.url, {}, None, server.tls_verify, None
        )
        self._session.trust_env = False
        self._session.proxies.update(environment["proxies"])
        self._verify = environment["verify"]
        adapter = Adapter(server)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def get(self, path: str, *, deadline: Deadline, job: str) -> Any:
        """Send a GET and return its JSON.

        Raises:
            WebUIError: Any of the tree; GETs are retried before they fail.
        """
        request = Request("GET", path, job)
        try:
            with self.exchange(request, deadline) as answer:
                return answer.json()
        except AnswerCutOff:
            with self.exchange(request, deadline) as answer:
                return answer.json()

    def post(self, request: Request, deadline: Deadline) -> Any:
        """Send a POST that makes no images and return its JSON; None for an empty body (204).

        Raises:
            WebUIError: Any of the tree.
        """
        with self.exchange(request, deadline) as answer:
            return None if answer.status == 204 else answer.json()

    @contextmanager
    def exchange(self, request: Request, deadline: Deadline) -> Iterator[Answer]:
        """Send a request and yield its response, to be read inside the block.

        A request that may have reached the server is sent again only if it is a GET.

        Args:
            request: What to send.
            deadline: When to give up, whatever the server does.

        Raises:
            WebUIError: Any of the tree; also for every status but 2xx.
        """
        with watched(deadline) as watch:
            response = self._send(request, deadline, watch)
            try:
                answer = Answer(self.server, request.job, response, watch)
                if not 200 <= answer.status < 300:
                    raise self._status_error(answer, request.job)
                yield answer
            finally:
                # An unread rest must not be taken for the next response on this connection.
                response.close()

    def _status_error(self, answer: Answer, job: str) -> WebUIError:
        """Return the error for a response that is not 2xx."""
        body = b""
        answer.limit_remaining(ERROR_SECONDS)
        with suppress(AnswerCutOff, DeadlineExceeded):
            for chunk in answer.chunks():
                body += chunk
                if len(body) > 65536:
                    break
        return error_from_response(self.server, answer.status, answer.headers, body, job=job)

    def _send(self, request: Request, deadline: Deadline, watch: Watch) -> requests.Response:
        """Send a request, follow redirects within the server, and retry where that is safe."""
        headers = dict(request.headers)
        data = None
        if request.body is not None:
            data = json.dumps(request.body, ensure_ascii=False, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        method, url = request.method, self.server.url + request.path
        pauses = iter(_PAUSES)
        redirects = 0
        while True:
            if deadline.passed:
                raise _late(self.server, request.job)
            try:
                response = self._attempt(method, url, data, headers, deadline)
            except requests.RequestException as error:
                drop_tracebacks(error)
                if watch.expired or deadline.passed:
                    raise _late(self.server, request.job) from None
                pause = next(pauses, None) if method == "GET" or never_arrived(error) else None
                if pause is None or pause > deadline.remaining:
                    raise error_from_failure(
                        self.server,
                        error,
                        method=method,
                        job=request.job,
                        application=self._application,
                    ) from None
                time.sleep(pause)
                continue
            target = _redirect_target(method, url, response)
            if target and redirects < 3:
                response.close()
                url, redirects = target, redirects + 1
                continue
            if method == "GET" and response.status_code in _RETRIED_STATUS:
                pause = next(pauses, None)
                if pause is not None and pause < deadline.remaining:
                    response.close()
                    time.sleep(pause)
                    continue
            return response

    def _attempt(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: Mapping[str, str],
        deadline: Deadline,
    ) -> requests.Response:
        """Send a request once."""
        seconds = deadline.remaining or 0.001
        return self._session.request(
            method,
            url,
            data=data,
            headers=headers,
            stream=True,
            allow_redirects=False,
            verify=self._verify,
            timeout=(min(CONNECT_SECONDS, seconds), seconds),
        )


def _redirect_target(method: str, url: str, response: requests.Response) -> str | None:
    """Return where to follow a redirect: within the same origin, with the method unchanged."""
    location = response.headers.get("Location")
    if response.status_code not in _REDIRECTS or not location:
        return None
    if method != "GET" and response.status_code not in {307, 308}:
        return None
    try:
        target = urljoin(url, location)
        old, new = urlsplit(url), urlsplit(target)
    except ValueError:
        return None
    return target if (old.scheme, old.netloc) == (new.scheme, new.netloc) else None


def _late(server: Server, job: str) -> DeadlineExceeded:
    """Return the error for a deadline that has passed."""
    return DeadlineExceeded(
        f"{server.url} did not answer in time ({job}). The WebUI may be starting, hang or be very "
        "busy; look into its console, and check base_url."
    )
