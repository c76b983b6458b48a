"""Serves files over HTTP as Dify does, and takes those that a plugin uploads."""

import base64
import json
import mimetypes
import re
import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from devkit.closing import Closing

_UNKNOWN = "application/octet-stream"
_MARKDOWN_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


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


class FileServer(Closing):
    """Dify's file server on 127.0.0.1, for as long as its ``with`` block lasts.

    Attributes:
        uploads: What becomes of uploads from now on.
        uploaded: What plugins have uploaded, in order.

    Example:
        >>> with FileServer() as files:
        ...     image = files.add(data, "a.png")
        ...     host.invoke(provider, "sd_img2img", credentials, {"image": image})
    """

    def __init__(self) -> None:
        self.uploads = Uploads.TAKEN
        self.uploaded: list[StoredFile] = []
        self._held: dict[str, StoredFile] = {}
        self._signed: dict[str, tuple[str, str] | None] = {}
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(*owner._read(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(*owner._take(self.path, *_only_part(self.headers, body)))

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing: the demo has its own lines."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, data: bytes, filename: str) -> dict[str, Any]:
        """Offer a file.

        Returns:
            What Dify hands to a tool for it: its address, signed, with what is known of it.
        """
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
        """Offer a file that a user uploads to a new agent.

        Returns:
            What its model is told of the file, and hands to tools.
        """
        return {
            "transfer_method": "local_file",
            "reference": reference(self._hold(data, filename).id),
        }

    def for_new_agent(self, value: object) -> dict[str, Any]:
        """Return what a tool gets for the file that a new agent's model names.

        Of a reference the least that may come: no name, no type, no size.

        Raises:
            ValueError: Dify's new agent does not take it for a file.
        """
        if isinstance(value, Mapping) and value.get("transfer_method") == "remote_url":
            value = value.get("url")
        file = {"dify_model_identity": "__dify__file__", "type": "custom", "size": -1}
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            name = PurePath(urlsplit(value).path)
            known = {
                "filename": name.name,
                "extension": name.suffix,
                "mime_type": mimetypes.guess_type(name.name)[0],
            }
            return {**file, "url": value, **{key: known[key] for key in known if known[key]}}
        if isinstance(value, Mapping) and value.get("transfer_method") in (
            "tool_file",
            "local_file",
        ):
            for held in list(self._held.values()):
                if value.get("reference") == reference(held.id):
                    return {**file, "url": self._address(held.path)}
        raise ValueError(f"no file: {value!r}")

    def shown_in(self, answer: str) -> list[StoredFile]:
        """Return the files that a user sees in an answer: its Markdown images.

        Dify signs their addresses anew, so that they are shown however old they are.
        """
        paths = [urlsplit(address).path for address in _MARKDOWN_IMAGE.findall(answer)]
        return [self._held[path] for path in paths if path in self._held]

    def expire(self) -> None:
        """Let all addresses end, as Dify's do after 300 s."""
        self._signed.clear()

    def upload_address(self, filename: str, mimetype: str) -> str:
        """Return where this file may be uploaded."""
        address = self._address("/files/upload/for-plugin", (filename, mimetype))
        if self.uploads is Uploads.NO_FILES_URL:
            return address[address.index("/files/") :]
        return address

    def _hold(self, data: bytes, filename: str, mime_type: str = "") -> StoredFile:
        mime_type = mime_type or mimetypes.guess_type(filename, strict=False)[0] or _UNKNOWN
        file_id = str(uuid.uuid4())
        path = (
            f"/files/tools/{file_id}{mimetypes.guess_extension(mime_type, strict=False) or '.bin'}"
        )
        file = StoredFile(file_id, path, filename, mime_type, data)
        self._held[path] = file
        return file

    def _address(self, path: str, upload: tuple[str, str] | None = None) -> str:
        sign = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        signed = f"{path}?timestamp={time.time():.0f}&nonce={secrets.token_hex(16)}&sign={sign}"
        self._signed[signed] = upload
        return f"http://127.0.0.1:{self._server.server_port}{signed}"

    def _read(self, target: str) -> tuple[int, bytes]:
        file = self._held.get(target.partition("?")[0])
        if file is None:
            return 404, b""
        return (200, file.data) if target in self._signed else (403, b"")

    def _take(self, target: str, head: Message, data: bytes) -> tuple[int, bytes]:
        if self.uploads is Uploads.SERVER_ERROR:
            return 500, b"Internal Server Error"
        filename, mime_type = head.get_filename(""), head.get_content_type()
        # Dify signs both with the address.
        if self._signed.get(target) != (filename, mime_type):
            return 403, b"Invalid request."
        file = self._hold(data, filename, mime_type)
        self.uploaded.append(file)
        told = {
            "id": file.id,
            "name": filename,
            "size": len(data),
            "extension": PurePath(file.path).suffix,
            "mime_type": mime_type,
            "preview_url": self._address(file.path),
        }
        return 201, json.dumps(told).encode()


def reference(file_id: str) -> str:
    """Return how a new agent's model names a file of Dify's."""
    record = json.dumps({"record_id": file_id}, separators=(",", ":"))
    return "dify-file-ref:" + base64.urlsafe_b64encode(record.encode()).decode()


def _only_part(headers: Message, body: bytes) -> tuple[Message, bytes]:
    """Return head and content of the one file in a multipart body."""
    boundary = headers.get_boundary("")
    head, _, rest = body.partition(f"--{boundary}\r\n".encode())[2].partition(b"\r\n\r\n")
    return message_from_string(head.decode()), rest.rpartition(f"\r\n--{boundary}".encode())[0]
