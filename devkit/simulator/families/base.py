"""What every simulated family of servers has: a catalog, a queue, and a way to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from devkit.simulator.catalog import Catalog, catalog_of, family_data
from devkit.simulator.jobs import Queue
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request

GENERATIONS = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")
"""Paths of the requests that make images."""


class HTTPError(Exception):
    """An error the server raises on purpose, with a status and a text."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class ServerException(Exception):
    """A Python exception inside the real server: its class name and its text."""

    def __init__(self, kind: str, text: str = "") -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class Drop(Exception):
    """The server closes the connection without an answer (KoboldCpp)."""


class Family:
    """One simulated server from its start to its end."""

    name: ClassVar[str]
    data_name: ClassVar[str]
    keep_alive: ClassVar[bool] = True
    queue_limit: ClassVar[int | None] = None
    server_header: ClassVar[str | None] = "uvicorn"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """``settings`` gives the live settings at each call."""
        self._settings = settings
        self.data: dict[str, Any] = family_data(self.data_name)
        self.lists: dict[str, Any] = self.data["lists"]
        self.queue = Queue(self.queue_limit)
        self.catalog: Catalog = catalog_of(self.settings.catalog, self.settings.models)
        self.cache: dict[str, Answer] = {}

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self._settings()

    def catalog_changed(self) -> None:
        """Read the models again after the settings have changed."""
        self.catalog = catalog_of(self.settings.catalog, self.settings.models)

    def format_changed(self) -> None:
        """Take over the ``samples_format`` setting, where the server has such an option."""

    def answer(self, request: Request) -> Answer:
        """The server's answer; raises Drop when it closes the connection."""
        raise NotImplementedError

    def exception(self, kind: str, text: str) -> Answer:
        """How this family tells that a generation failed with an exception."""
        raise NotImplementedError

    def error(self, status: int, detail: str) -> Answer:
        """How this family writes an error of its own making."""
        raise NotImplementedError
