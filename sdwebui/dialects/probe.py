"""Requests that find out of which family a server is."""

from collections.abc import Collection, Mapping
from typing import Any

from sdwebui.errors import AccessDenied, NotAWebUI, ProxyFailed, RateLimited, ServerFault
from sdwebui.http.deadline import Deadline
from sdwebui.http.transport import Transport


class Probe:
    """What one server shows of itself.

    FastAPI's ``/openapi.json`` tells A1111, Forge and SD.Next apart, and how old an A1111 is. It is
    missing on the others, and where a proxy lets only ``/sdapi`` through; then a family tries its
    own routes.

    Attributes:
        title: Title of the OpenAPI document.
        routes: Routes of the OpenAPI document; empty where there is none.
    """

    def __init__(self, transport: Transport, deadline: Deadline) -> None:
        self._transport = transport
        self._deadline = deadline
        self._answers: dict[str, Any] = {}
        document = self.get("/openapi.json")
        self._document: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
        paths = self._document.get("paths")
        self.routes: Collection[str] = paths if isinstance(paths, Mapping) else ()
        self.title = str((self._document.get("info") or {}).get("title", ""))

    def get(self, path: str) -> Any:
        """Return the JSON of a route, requested once; None where the server has no such route.

        Raises:
            Unreachable: No response.
            ProxyFailed: A proxy responded in the server's place.
        """
        if path not in self._answers:
            self._answers[path] = self._fetch(path)
        return self._answers[path]

    def _fetch(self, path: str) -> Any:
        try:
            return self._transport.get(path, deadline=self._deadline, job="see which server it is")
        except (ProxyFailed, RateLimited):
            raise
        except (NotAWebUI, AccessDenied, ServerFault):
            return None

    @property
    def has_tasks(self) -> bool:
        """Whether a job can be given an id and found again by it (A1111 1.8, not --nowebui)."""
        if not self.routes:
            return isinstance(self.get("/internal/pending-tasks"), Mapping)
        schemas = (self._document.get("components") or {}).get("schemas") or {}
        known = any(
            "force_task_id" in (schema.get("properties") or {}) for schema in schemas.values()
        )
        return known and "/internal/progress" in self.routes
