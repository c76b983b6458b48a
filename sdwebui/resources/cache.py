"""Responses of one server, kept for a short while and shared by all calls to it."""

import threading
import time
from collections.abc import Callable
from typing import Any

from sdwebui.errors import DeadlineExceeded, WebUIError
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server


class Cache:
    """Values that are fetched when they are first needed; safe to share between threads.

    Args:
        server: Where they come from, for messages.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        # Each with the time that it was fetched, or failed, at.
        self._values: dict[str, tuple[float, Any]] = {}
        self._failures: dict[str, tuple[float, WebUIError]] = {}
        self._lock = threading.RLock()

    def get[Value](
        self,
        key: str,
        seconds: float,
        fetch: Callable[[], Value],
        deadline: Deadline,
        *,
        fresh: bool = False,
    ) -> Value:
        """Return a cached value, or fetch it.

        Args:
            key: The name of the value.
            seconds: How old it may be.
            fetch: Requests it from the server.
            deadline: How long to wait for another call that is fetching.
            fresh: Fetch it however young it is.

        Raises:
            DeadlineExceeded: Another call was still fetching.
            WebUIError: What ``fetch`` raises, or raised for another call meanwhile.
        """
        cached: tuple[float, Value] | None = self._values.get(key)
        if cached and not fresh and time.monotonic() - cached[0] < seconds:
            return cached[1]
        began = time.monotonic()
        # One fetch at a time: many calls that start together send one request.
        if not self._lock.acquire(timeout=deadline.remaining):
            raise DeadlineExceeded(
                f"{self._server.url} did not report in time what it offers. The WebUI may be "
                "starting, hang or be very busy; look into its console."
            )
        try:
            latest: tuple[float, Value] | None = self._values.get(key)
            if latest is not cached and latest and time.monotonic() - latest[0] < seconds:
                return latest[1]
            failed_at, failure = self._failures.get(key, (0.0, None))
            if failure and failed_at > began:
                # It failed while this call waited. Another try would make all calls that wait
                # behind this one wait as long again.
                raise failure.copy()
            try:
                value = fetch()
            except WebUIError as error:
                # A failure for lack of this call's time says nothing about the server.
                if not deadline.passed:
                    self._failures[key] = (time.monotonic(), error.copy())
                raise
            self._values[key] = (time.monotonic(), value)
            return value
        finally:
            self._lock.release()

    def clear(self) -> None:
        """Drop all cached values, since another server may run at the address."""
        with self._lock:
            self._values.clear()
