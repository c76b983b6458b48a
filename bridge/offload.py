"""CPU work on a real thread, so that it does not block other invocations."""

from collections.abc import Callable
from typing import Any

from gevent import get_hub


def run_in_thread[Result](work: Callable[..., Result], *arguments: Any) -> Result:
    """Call a pure function on gevent's thread pool, and return its result.

    All invocations of the plugin share one thread, so CPU work of one would block all. Pillow
    releases the interpreter lock while it decodes and encodes, so a thread helps.
    """
    hub: Any = get_hub()  # type: ignore[no-untyped-call]
    result: Result = hub.threadpool.apply(work, arguments)
    return result
