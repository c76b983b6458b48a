"""Images that Dify hands over by address."""

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
SECONDS = 30.0
"""For one file; the time limit of the call when that is nearer."""

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
    """A file parameter; downloaded when it is read.

    The SDK's own download gives up after 5 seconds, has no size limit, follows no redirect and does
    not say which setting is at fault.
    """

    def __init__(self, file: File, deadline: Deadline) -> None:
        self._url = file.url.strip()
        self._deadline = deadline
        self.name: str = file.filename or "the image file"
        # Dify's own files, uploaded or made by a tool, and not somebody's link.
        self._is_difys = _path(self._url).startswith("/files/")

    def read(self) -> bytes:
        """Download the file.

        Raises:
            FileUnavailable: Naming the cause and what to do.
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
            body, url = self._step(url, deadline, seconds)
            if body is not None:
                return body
        raise self._failed(f"{_place(self._url)} redirects more than {MOST_REDIRECTS} times")

    def _step(self, url: str, deadline: Deadline, seconds: float) -> tuple[bytes | None, str]:
        """Return the file's bytes, or None and the address that it redirects to."""
        place = _place(url)
        try:
            return self._download(url, place, deadline)
        except requests.exceptions.SSLError:
            problem = f"the TLS certificate of {place} is not trusted, or its TLS fails"
            cure = (
                "Set Dify's INTERNAL_FILES_URL to its address inside Docker, such as "
                "http://api:5001."
            )
            raise self._failed(problem, cure) from None
        except requests.RequestException as error:
            if deadline.remaining < 0.05 or isinstance(error, requests.Timeout):
                problem = f"{place} did not answer within {seconds:.0f} seconds"
            elif isinstance(error, ValueError):
                problem = f"{place} is no address"
            elif never_arrived(error):
                problem = f"nothing answers at {place}"
            else:
                problem = f"the connection to {place} broke off"
        except (ValueError, HTTPError):
            # urllib3 does not wrap all of its own.
            problem = f"{place} is no address"
        raise self._failed(problem)

    def _failed(self, problem: str, cure: str = _SETTING) -> FileUnavailable:
        return FileUnavailable(
            f"{self.name} could not be downloaded: {problem}. {cure if self._is_difys else _LINK}"
        )

    def _download(self, url: str, place: str, deadline: Deadline) -> tuple[bytes | None, str]:
        wait = max(0.1, deadline.remaining)
        with watched(deadline) as watch, Session() as session:
            session.mount("http://", Adapter())
            session.mount("https://", Adapter())
            with session.get(url, stream=True, timeout=(min(5, wait), wait)) as response:
                target = response.headers.get("Location")
                if 300 <= response.status_code < 400 and target:
                    return None, self._judged(urljoin(url, target.strip()), place)
                body = self._body(response, place)
            # What the watch cut off may look complete.
            if watch.expired:
                raise requests.Timeout
        return body, url

    def _judged(self, target: str, place: str) -> str:
        """Return the address that a redirect leads to, if it may be followed."""
        if not _is_http(target):
            raise self._failed(f"{place} redirects to what is no http address")
        return target

    def _body(self, response: requests.Response, place: str) -> bytes:
        status = response.status_code
        if status != 200:
            if self._is_difys and status in {401, 403, 404}:
                raise self._failed(
                    f"{place} answered {status}",
                    "Its link has expired or FILES_URL points to another server. Upload the file "
                    "again, and check Dify's FILES_URL and FILES_ACCESS_TIMEOUT.",
                )
            if self._is_difys:
                raise self._failed(
                    f"{place} answered {status}", "Look into the log of Dify's API, then try again."
                )
            raise self._failed(f"{place} {_REASONS.get(status, f'answered {status}')}")
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
    return url.lower().startswith(("http://", "https://"))


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _place(url: str) -> str:
    """Return scheme and host of an address: Dify's are signed, so they are never shown whole."""
    return "/".join(url.split("/")[:3]).rpartition("@")[2][:100]


def with_files(parameters: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Return the tool parameters with the SDK's files as ours, to be read before the deadline."""
    return {name: _wrapped(value, deadline) for name, value in parameters.items()}


def _wrapped(value: Any, deadline: Deadline) -> Any:
    if isinstance(value, File):
        return DifyFile(value, deadline)
    if isinstance(value, list):
        return [_wrapped(one, deadline) for one in value]
    # The SDK leaves a list alone that holds anything but files, such as Dify's None.
    if isinstance(value, dict) and value.get("dify_model_identity") == DIFY_FILE_IDENTITY:
        return DifyFile(File.model_validate(value), deadline)
    return value
