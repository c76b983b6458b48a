"""The application around the client: its limits, and its words in messages for its users."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _directly(work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*arguments)


@dataclass(frozen=True, slots=True)
class Application:
    """What the application adds to the client; the defaults suit a script.

    Attributes:
        name: What messages call the machine or service that the client runs in.
        user_agent: Of each request.
        job_prefix: Begins the ids of its jobs, so that they can be told from other people's.
        most_file_bytes: The largest image file that it takes; None for no limit.
        loopback_hint: Behind "connection refused" for localhost; ``{port}`` is ":7860" or "".
        unknown_host_hint: Behind "host name not found".
        time_limit_hint: Behind the time limit of a call: where it is set.
        longer: How its users raise the time limit of a call, as half a sentence.
        run: Calls a function that works on pixels. The default calls it at once; an application
            whose calls share one thread hands in a thread pool.
    """

    name: str = "this machine"
    user_agent: str = "sdwebui"
    job_prefix: str = "sdwebui-"
    most_file_bytes: int | None = None
    loopback_hint: str = ""
    unknown_host_hint: str = ""
    time_limit_hint: str = ""
    longer: str = "raise the time limit"
    run: Callable[..., Any] = _directly


SCRIPT = Application()
"""A script that uses the client by itself."""
