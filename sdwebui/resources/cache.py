"""What a server reported, kept for a short while and shared by all calls to it."""

import threading
import time
from collections.abc import Callable
from typing import Any

from sdwebui.errors import DeadlineExceeded, WebUIError
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server


class Cache:
    """Values with an age, each fetched when it is first needed; safe to share.

    Args:
        server: Whose they are, for messages.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._kept: dict[str, tuple[float, Any]] = {}
        self._failed: dict[str, tuple[float, WebUIError]] = {}
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
        """Return a kept value, or fetch it.

        Args:
            key: What it is kept under.
            seconds: How old it may be.
            fetch: Asks the server.
            deadline: How long to wait for another call that asks already.
            fresh: Fetch it however young it is.

        Raises:
            DeadlineExceeded: Another call was still asking.
            WebUIError: What ``fetch`` raises, or raised for another call meanwhile.
        """
        kept: tuple[float, Value] | None = self._kept.get(key)
        if kept and not fresh and time.monotonic() - kept[0] < seconds:
            return kept[1]
        began = time.monotonic()
        # One fetch at a time: many calls that start together ask the server once.
        if not self._lock.acquire(timeout=deadline.remaining):
            raise DeadlineExceeded(
                f"{self._server.url} did not report in time what it offers. The WebUI may be "
                "starting, hang or be very busy; look into its console."
            )
        try:
            latest: tuple[float, Value] | None = self._kept.get(key)
            if latest is not kept and latest and time.monotonic() - latest[0] < seconds:
                return latest[1]
            failed_at, failure = self._failed.get(key, (0.0, None))
            if failure and failed_at > began:
                # While we waited: to try it again would make those behind us wait as long again.
                raise failure.copy()
            try:
                value = fetch()
            except WebUIError as error:
                # A call that had little time left failed for itself only.
                if not deadline.passed:
                    self._failed[key] = (time.monotonic(), error.copy())
                raise
            self._kept[key] = (time.monotonic(), value)
            return value
        finally:
            self._lock.release()

    def clear(self) -> None:
        """Drop all kept values: the server behind the address seems to have changed."""
        with self._lock:
            self._kept.clear()
