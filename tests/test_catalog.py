"""Each list of a server is requested once, however many calls wait for it."""

import threading
import time

import pytest

from sdwebui import errors
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server
from sdwebui.http.transport import Transport
from sdwebui.resources.cache import Cache
from sdwebui.resources.catalog import Catalog
from tests.raw_server import RawServer


def errors_of_calls(transport: Transport, cache: Cache, seconds: list[float]) -> list[str]:
    """Return the errors of calls that start together, each with its own time limit."""
    reported: list[str] = []

    def ask(limit: float) -> None:
        with pytest.raises(errors.WebUIError) as caught:
            Catalog(transport, cache, Deadline.after(limit)).checkpoints()
        reported.append(str(caught.value))

    threads = [threading.Thread(target=ask, args=(limit,)) for limit in seconds]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    return reported


def test_calls_that_wait_for_a_server_that_hangs_fail_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sdwebui.resources.catalog.LIST_DEADLINE", 0.8)
    raw = RawServer(lambda *_: time.sleep(30))
    transport = Transport(Server.at(raw.url))
    cache = Cache(transport.server)
    started = time.monotonic()
    reported = errors_of_calls(transport, cache, [30] * 6)
    assert time.monotonic() - started < 3
    assert len(raw.requests) == 1
    assert len(set(reported)) == 1
    # A later call requests it again.
    errors_of_calls(transport, cache, [30])
    assert len(raw.requests) == 2
    raw.close()


def test_a_call_with_little_time_does_not_fail_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdwebui.resources.catalog.LIST_DEADLINE", 0.8)
    raw = RawServer(lambda *_: time.sleep(30))
    transport = Transport(Server.at(raw.url))
    errors_of_calls(transport, Cache(transport.server), [0.3, 30])
    assert len(raw.requests) == 2
    raw.close()
