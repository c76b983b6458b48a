"""Images that Dify hands over by address."""

from typing import Any

import requests
from dify_plugin.file.file import File

from sdwebui.connections import Adapter, Session, watched
from sdwebui.deadline import Deadline
from sdwebui.errors import FileUnavailable
from sdwebui.unreachable import never_arrived

MOST_BYTES = 100 * 2**20
SECONDS = 30.0
"""For one file; the time limit of the call when that is nearer."""

_SETTING = (
    "Dify's FILES_URL (or INTERNAL_FILES_URL) must be an address that the plugin's container can "
    "reach, such as http://api:5001."
)


class DifyFile:
    """A file parameter; downloaded when it is read.

    The SDK's own download gives up after 5 seconds, has no size limit and does not say which
    setting is at fault.
    """

    def __init__(self, file: File, deadline: Deadline) -> None:
        self._file = file
        self._deadline = deadline
        self.name: str = file.filename or "the file"

    def read(self) -> bytes:
        """Download the file.

        Raises:
            FileUnavailable: Naming the cause and the setting to change.
        """
        url = self._file.url
        if not url.startswith(("http://", "https://")):
            raise FileUnavailable(
                f"{self.name} has no complete address, because FILES_URL is not set in Dify. "
                f"{_SETTING}"
            )
        seconds = min(SECONDS, self._deadline.remaining)
        deadline = Deadline.after(seconds)
        # Dify's addresses are signed, so they are never shown; only their host is.
        place = "/".join(url.split("/")[:3]).rpartition("@")[2]
        try:
            return self._download(url, place, deadline)
        except requests.RequestException as error:
            if deadline.remaining < 0.05 or isinstance(error, requests.Timeout):
                problem = f"{place} did not answer within {seconds:.0f} seconds"
            elif never_arrived(error):
                problem = f"nothing answers at {place}"
            else:
                problem = f"the connection to {place} broke off"
        raise FileUnavailable(f"{self.name} could not be downloaded: {problem}. {_SETTING}")

    def _download(self, url: str, place: str, deadline: Deadline) -> bytes:
        wait = max(0.1, deadline.remaining)
        with watched(deadline) as watch, Session() as session:
            session.mount("http://", Adapter())
            session.mount("https://", Adapter())
            with session.get(url, stream=True, timeout=(min(5, wait), wait)) as response:
                body = self._body(response, place)
            # What the watch cut off may look complete.
            if watch.expired:
                raise requests.Timeout
        return body

    def _body(self, response: requests.Response, place: str) -> bytes:
        status = response.status_code
        if 300 <= status < 400:
            raise FileUnavailable(
                f"{self.name} could not be downloaded: {place} redirects elsewhere ({status}). "
                "Set Dify's FILES_URL to the address that finally answers."
            )
        if status != 200:
            raise FileUnavailable(
                f"{self.name} could not be downloaded: {place} answered {status}. "
                + (
                    "Its link has expired or FILES_URL points to another server. Upload the "
                    "file again, and check Dify's FILES_URL and FILES_ACCESS_TIMEOUT."
                    if status in {401, 403, 404}
                    else _SETTING
                )
            )
        body = bytearray()
        for chunk in response.iter_content(256 * 1024):
            body += chunk
            if len(body) > MOST_BYTES:
                raise FileUnavailable(
                    f"{self.name} is larger than {MOST_BYTES >> 20} MB. Use a smaller image, "
                    "or lower Dify's UPLOAD_IMAGE_FILE_SIZE_LIMIT."
                )
        return bytes(body)


def with_files(parameters: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    """The tool parameters with the SDK's files as ours, to be read before the deadline."""
    return {name: _wrapped(value, deadline) for name, value in parameters.items()}


def _wrapped(value: Any, deadline: Deadline) -> Any:
    if isinstance(value, File):
        return DifyFile(value, deadline)
    if isinstance(value, list):
        return [_wrapped(one, deadline) for one in value]
    return value
