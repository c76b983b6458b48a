"""Serves files over HTTP as Dify does, and takes those that a plugin uploads."""

import base64
import hashlib
import json
import mimetypes
import re
import secrets
import threading
import uuid
from dataclasses import dataclass
from email import message_from_string
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from devkit.closing import Closing
from devkit.simulator.server import Connection, Listener
from devkit.simulator.wire import Answer, Request

_UNKNOWN = "application/octet-stream"
_HTTP = re.compile("https?://")
_UPLOAD = "/files/upload/for-plugin"


class Uploads(Enum):
    """What becomes of files that a plugin uploads."""

    TAKEN = "taken"
    NO_FILES_URL = "FILES_URL and INTERNAL_FILES_URL are empty: the address has no host"
    SERVER_ERROR = "Dify answers with HTTP 500"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is offered, or that a plugin has uploaded."""

    id: str
    path: str
    filename: str
    mime_type: str
    data: bytes

    @property
    def reference(self) -> str:
        """The name by which a new agent's model knows it."""
        record = json.dumps({"record_id": self.id}, separators=(",", ":"))
        return "dify-file-ref:" + base64.urlsafe_b64encode(record.encode()).decode()


class FileServer(Closing):
    """Dify's file server on 127.0.0.1, for as long as its ``with`` block lasts.

    Attributes:
        uploads: What becomes of uploads from now on.
        uploaded: What plugins have uploaded, in order.
    """

    def __init__(self) -> None:
        self.uploads = Uploads.TAKEN
        self.uploaded: list[StoredFile] = []
        self._held: dict[str, StoredFile] = {}
        self._key = secrets.token_hex()
        handler = partial(Connection, self._respond, "HTTP/1.1")
        self._server = Listener(("127.0.0.1", 0), handler)
        self._origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def add(self, data: bytes, filename: str) -> dict[str, Any]:
        """Offer a file; return what Dify hands to a tool for it."""
        file = self._hold(data, filename)
        return {
            "dify_model_identity": "__dify__file__",
            "url": self._address(file.path),
            "mime_type": file.mime_type,
            "filename": filename,
            "extension": PurePath(filename).suffix,
            "size": len(data),
            "type": "image",
        }

    def add_for_model(self, data: bytes, filename: str) -> dict[str, str]:
        """Offer a file that a user uploads to a new agent; return what its model hands to tools."""
        held = self._hold(data, filename)
        return {"transfer_method": "local_file", "reference": held.reference}

    def for_new_agent(self, value: object) -> dict[str, Any]:
        """Return what a tool gets for the file that a new agent's model names.

        Of a reference the least that may come: no name, no type, no size.

        Raises:
            ValueError: Dify's new agent does not take it for a file.
        """
        file = {"dify_model_identity": "__dify__file__", "type": "custom", "size": -1}
        match value:
            case {"transfer_method": "remote_url", "url": str(url)} | str(url) if _HTTP.match(url):
                path = PurePath(urlsplit(url).path)
                mime_type, _ = mimetypes.guess_type(path.name)
                known = {"filename": path.name, "extension": path.suffix, "mime_type": mime_type}
                return {**file, "url": url, **{key: text for key, text in known.items() if text}}
            case {"transfer_method": "tool_file" | "local_file", "reference": named}:
                for held in list(self._held.values()):
                    if named == held.reference:
                        return {**file, "url": self._address(held.path)}
        raise ValueError(f"no file: {value!r}")

    def expire(self) -> None:
        """Let all addresses end, as Dify's do after 300 s."""
        self._key = secrets.token_hex()

    def upload_address(self, filename: str, mimetype: str) -> str:
        """Return where this file may be uploaded."""
        if self.uploads is Uploads.NO_FILES_URL:
            return self._signed(_UPLOAD, filename, mimetype)
        return self._address(_UPLOAD, filename, mimetype)

    def _respond(self, request: Request) -> Answer:
        """Answer a download or an upload."""
        target = f"{request.path}?{request.query}"
        if request.method == "POST":
            return self._take(target, *_uploaded_file(request.body))
        file = self._held.get(request.path)
        if file is None:
            return Answer(404)
        return Answer(200, file.data) if target == self._signed(file.path) else Answer(403)

    def _take(self, target: str, filename: str, mime_type: str, data: bytes) -> Answer:
        """Answer an upload."""
        if self.uploads is Uploads.SERVER_ERROR:
            return Answer(500, b"Internal Server Error")
        if target != self._signed(_UPLOAD, filename, mime_type):
            return Answer(403, b"Invalid request.")
        file = self._hold(data, filename, mime_type)
        self.uploaded.append(file)
        report = {
            "id": file.id,
            "name": filename,
            "size": len(data),
            "extension": PurePath(file.path).suffix,
            "mime_type": mime_type,
            "preview_url": self._address(file.path),
        }
        return Answer.of_json(report, 201)

    def _hold(self, data: bytes, filename: str, mime_type: str = "") -> StoredFile:
        mime_type = mime_type or mimetypes.guess_type(filename, strict=False)[0] or _UNKNOWN
        name = str(uuid.uuid4())
        suffix = mimetypes.guess_extension(mime_type, strict=False) or ".bin"
        file = StoredFile(name, f"/files/tools/{name}{suffix}", filename, mime_type, data)
        self._held[file.path] = file
        return file

    def _address(self, path: str, *also_signed: str) -> str:
        return f"{self._origin}{self._signed(path, *also_signed)}"

    def _signed(self, path: str, *also_signed: str) -> str:
        """Return a path with its signature: of an upload Dify signs name and type as well."""
        sign = hashlib.sha256(repr((self._key, path, also_signed)).encode()).hexdigest()
        return f"{path}?timestamp=0&sign={sign}"


def _uploaded_file(form: bytes) -> tuple[str, str, bytes]:
    """Return name, type and content of the one file of a multipart form."""
    boundary, _, part = form.partition(b"\r\n")
    head, _, rest = part.partition(b"\r\n\r\n")
    about = message_from_string(head.decode())
    data = rest.rpartition(b"\r\n" + boundary)[0]
    return about.get_filename(""), about.get_content_type(), data
