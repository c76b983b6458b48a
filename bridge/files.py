"""Download of the image files that Dify hands over as links."""

from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from dify_plugin.file.constants import DIFY_FILE_IDENTITY
from dify_plugin.file.file import File
from urllib3.exceptions import HTTPError

from sdwebui.errors import FileUnavailable
from sdwebui.http.connection_errors import never_arrived
from sdwebui.http.connections import Adapter, Session, watched
from sdwebui.http.deadline import Deadline

MOST_BYTES = 100 * 2**20
"""The largest file that is downloaded."""

SECONDS = 30.0
"""The time limit for one file, or that of the call if it is shorter."""

MOST_REDIRECTS = 5

_SETTING = (
    "Dify's FILES_URL (or INTERNAL_FILES_URL) must be an address that the plugin's container can "
    "reach, such as http://api:5001."
)
_LINK = "Give a link that opens the image itself, without a login, or upload the image."
_REASONS = {
    401: "wants a login (401)",
    403: "forbids it (403)",
    404: "has no such file (404)",
    410: "no longer has the file (410)",
    429: "gets too many requests (429)",
}


class DifyFile:
    """A file parameter, downloaded when it is read.

    The SDK's own download gives up after 5 seconds, has no size limit, follows no redirect and does
    not report which setting is wrong.
    """

    def __init__(self, file: File, deadline: Deadline) -> None:
        self._url = file.url.strip()
        self._deadline = deadline
        self.name: str = file.filename or "the image file"
        # Files in Dify's storage, uploaded or made by a tool; others are links of the user.
        self._in_dify = _path(self._url).startswith("/files/")

    def read(self) -> bytes:
        """Download the file.

        Raises:
            FileUnavailable: It cannot be downloaded; the message has the cause and what to do.
        """
        if not _is_http(self._url):
            raise FileUnavailable(
                f"{self.name} has no complete address, because FILES_URL is not set in Dify. "
                f"{_SETTING}"
                if self._url.startswith("/")
                else f"{self.name} could not be downloaded: its link must begin with http:// or "
                "https://."
            )
        seconds = min(SECONDS, self._deadline.remaining)
        deadline = Deadline.after(seconds)
        url = self._url
        for _ in range(MOST_REDIRECTS + 1):
            body, url = self._request(url, deadline, seconds)
            if body is not None:
                return body
        raise self._error(f"{_origin(self._url)} redirects more than {MOST_REDIRECTS} times")

    def _request(self, url: str, deadline: Deadline, seconds: float) -> tuple[bytes | None, str]:
        """Return the file's bytes, or None and the address that it redirects to.

        Raises:
            FileUnavailable: The request failed.
        """
        origin = _origin(url)
        try:
            return self._download(url, origin, deadline)
        except requests.exceptions.SSLError:
            problem = f"the TLS certificate of {origin} is not trusted, or its TLS fails"
            advice = (
                "Set Dify's INTERNAL_FILES_URL to its address inside Docker, such as "
                "http://api:5001."
            )
            raise self._error(problem, advice) from None
        except requests.RequestException as error:
            if deadline.remaining < 0.05 or isinstance(error, requests.Timeout):
                problem = f"{origin} did not answer within {seconds:.0f} seconds"
            elif isinstance(error, ValueError):
                problem = f"{origin} is no address"
            elif never_arrived(error):
                problem = f"nothing answers at {origin}"
            else:
                problem = f"the connection to {origin} broke off"
        except (ValueError, HTTPError):
            # requests does not wrap all errors of urllib3.
            problem = f"{origin} is no address"
        raise self._error(problem)

    def _error(self, problem: str, advice: str = _SETTING) -> FileUnavailable:
        """Return the error for a download that failed."""
        return FileUnavailable(
            f"{self.name} could not be downloaded: {problem}. {advice if self._in_dify else _LINK}"
        )

    def _download(self, url: str, origin: str, deadline: Deadline) -> tuple[bytes | None, str]:
        """Request the file once."""
        wait = max(0.1, deadline.remaining)
        with watched(deadline) as watch, Session() as session:
            session.mount("http://", Adapter())
            session.mount("https://", Adapter())
            with session.get(url, stream=True, timeout=(min(5, wait), wait)) as response:
                target = response.headers.get("Location")
                if 300 <= response.status_code < 400 and target:
                    return None, self._checked_target(urljoin(url, target.strip()), origin)
                body = self._body(response, origin)
            # A body that the watch cut off may look complete.
            if watch.expired:
                raise requests.Timeout
        return body, url

    def _checked_target(self, target: str, origin: str) -> str:
        """Return the address that a redirect leads to.

        Raises:
            FileUnavailable: It is no HTTP address.
        """
        if not _is_http(target):
            raise self._error(f"{origin} redirects to what is no http address")
        return target

    def _body(self, response: requests.Response, origin: str) -> bytes:
        """Return the body of a response.

        Raises:
            FileUnavailable: Its status is not 200, or it is too large.
        """
        status = response.status_code
        if status != 200:
            if self._in_dify and status in {401, 403, 404}:
                raise self._error(
                    f"{origin} answered {status}",
                    "Its link has expired or FILES_URL points to another server. Upload the file "
                    "again, and check Dify's FILES_URL and FILES_ACCESS_TIMEOUT.",
                )
            if self._in_dify:
                raise self._error(
                    f"{origin} answered {status}",
                    "Look into the log of Dify's API, then try again.",
                )
            raise self._error(f"{origin} {_REASONS.get(status, f'answered {status}')}")
        body = bytearray()
        for chunk in response.iter_content(256 * 1024):
            body += chunk
            if len(body) > MOST_BYTES:
                raise FileUnavailable(
                    f"{self.name} is larger than {MOST_BYTES >> 20} MB. Use a smaller image, "
                    "or lower Dify's UPLOAD_IMAGE_FILE_SIZE_LIMIT."
                )
        return bytes(body)


def _is_http(url: str) -> bool:
    """Return whether an address begins with http:// or https://."""
    return url.lower().startswith(("http://", "https://"))


def _path(url: str) -> str:
    """Return the path of an address, or "" if it is malformed."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _origin(url: str) -> str:
    """Return scheme and host of an address; Dify's are signed, so messages show no more of them."""
    return "/".join(url.split("/")[:3]).rpartition("@")[2][:100]


def with_files(parameters: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Return the tool parameters with a :class:`DifyFile` for each file of the SDK."""
    return {name: _wrapped(value, deadline) for name, value in parameters.items()}


def _wrapped(value: Any, deadline: Deadline) -> Any:
    """Return a value with a :class:`DifyFile` for each file in it."""
    if isinstance(value, File):
        return DifyFile(value, deadline)
    if isinstance(value, list):
        return [_wrapped(item, deadline) for item in value]
    # The SDK converts no file in a list that holds anything else, such as Dify's None.
    if isinstance(value, dict) and value.get("dify_model_identity") == DIFY_FILE_IDENTITY:
        return DifyFile(File.model_validate(value), deadline)
    return value
