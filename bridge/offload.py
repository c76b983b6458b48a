"""Long work on a real thread, so that the other invocations go on meanwhile."""

from collections.abc import Callable
from typing import Any

from gevent import get_hub


def run_in_thread[Result](work: Callable[..., Result], *arguments: Any) -> Result:
    """Call a pure function on gevent's thread pool and wait for it without holding others up.

    All invocations of the plugin share one thread: what one computes, all wait for. Pillow lets go
    of the interpreter while it encodes, so a thread really helps.
    """
    hub: Any = get_hub()  # type: ignore[no-untyped-call]
    result: Result = hub.threadpool.apply(work, arguments)
    return result
