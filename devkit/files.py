"""Serves images over HTTP as Dify does, so that they can be handed to file parameters."""

import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath
from typing import Any

from devkit.closing import Closing

_MIME_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}


class FileServer(Closing):
    """A file server on 127.0.0.1, for as long as its ``with`` block lasts.

    Example:
        >>> with FileServer() as files:
        ...     host.invoke(provider, "img2img", credentials, {"image": files.add(data, "a.png")})
    """

    def __init__(self) -> None:
        held: dict[str, bytes] = {}
        self._held = held

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                data = held.get(self.path.partition("?")[0])
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing: the demo has its own lines."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
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
        path = f"/files/{secrets.token_hex(8)}/{filename}"
        self._held[path] = data
        extension = PurePath(filename).suffix
        return {
            "dify_model_identity": "__dify__file__",
            "url": f"http://127.0.0.1:{self._server.server_port}{path}?sign={secrets.token_hex(8)}",
            "mime_type": _MIME_TYPES.get(extension, "application/octet-stream"),
            "filename": filename,
            "extension": extension,
            "size": len(data),
            "type": "image",
        }
