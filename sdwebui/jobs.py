"""What to do with a job whose time is up: see where it stands, and stop it if it is our own."""

import re
from collections.abc import Mapping
from typing import Any

from sdwebui.application import Application
from sdwebui.dialects.plan import Plan
from sdwebui.errors import DeadlineExceeded, WebUIError
from sdwebui.http.deadline import Deadline
from sdwebui.http.transport import Request, Transport

JOB_HEADER = "X-SD-Job"
"""Header with the job's id, by which a proxy can send all its requests to the same machine."""

GRACE_SECONDS = 0.5
"""How far beyond the time limit looking and interrupting may go."""


def handle_timeout(
    transport: Transport, deadline: Deadline, plan: Plan, task: str | None, application: Application
) -> DeadlineExceeded:
    """Return the exception for a job whose time is up, after seeing where the job stands.

    The job is interrupted if, and only if, the server reports that this very job is the one that
    runs: ``/sdapi/v1/interrupt`` stops whoever is running.

    Args:
        transport: Sends requests to the server.
        deadline: The deadline of the whole call.
        plan: What was requested.
        task: The job's id on the server; None where it has none.
        application: The application, whose words for the time limit the message uses.
    """
    until = Deadline(deadline.end + GRACE_SECONDS, deadline.seconds)
    limit = (
        f"The time limit of {deadline.seconds:g} seconds{application.time_limit_hint} passed "
        f"during {plan.job}."
    )
    outcome = _outcome(transport, until, plan.task, task, application.longer)
    return DeadlineExceeded(f"{limit} {outcome}")


def _outcome(
    transport: Transport, deadline: Deadline, job: str, task: str | None, longer: str
) -> str:
    """Return what became of the job and what to do, interrupting it where it runs.

    Args:
        transport: Sends requests to the server.
        deadline: When to stop looking.
        job: The job's id for proxies.
        task: The job's id on the server; None where it has none.
        longer: How to ask for more time, in the application's words.
    """
    if not task:
        return (
            "This server cannot tell where the job stands, so it was left alone and may still be "
            f"running. Ask for less, or {longer}."
        )
    headers = {JOB_HEADER: job}
    state = _state(transport, deadline, task, headers)
    if state is None:
        return (
            "The server did not tell where the job stands, so it was left alone and may still be "
            f"running. See in the WebUI, and {longer} if it is slow."
        )
    if state.get("queued"):
        return (
            f"The job was still waiting in the server's queue{_behind(state)}; a queued job cannot "
            "be cancelled, so it will run later. Try again when the server is less busy, or "
            f"{longer}."
        )
    if state.get("active"):
        stopped = _interrupt(transport, deadline, headers)
        share = state.get("progress")
        far = f" at {share:.0%}" if isinstance(share, int | float) else ""
        end = "was interrupted" if stopped else "could not be interrupted and goes on"
        return (
            f"The job was running{far} and {end}. Ask for fewer steps, a smaller size or fewer "
            f"images, or {longer}."
        )
    end = "done, but its answer did not arrive" if state.get("completed") else "unknown to it"
    return (
        f"The server says the job is {end}. See in the WebUI whether the images are there, then "
        "try again."
    )


def _state(
    transport: Transport, deadline: Deadline, task: str, headers: Mapping[str, str]
) -> Mapping[str, Any] | None:
    """Return where the job stands; None where the server does not say."""
    request = Request("POST", "/internal/progress", "progress", {"id_task": task}, headers)
    try:
        state = transport.post(request, deadline)
    except WebUIError:
        return None
    return state if isinstance(state, Mapping) else None


def _interrupt(transport: Transport, deadline: Deadline, headers: Mapping[str, str]) -> bool:
    """Interrupt the running job; return whether the server took the request."""
    try:
        transport.post(Request("POST", "/sdapi/v1/interrupt", "interrupt", {}, headers), deadline)
    except WebUIError:
        return False
    return True


def _behind(state: Mapping[str, Any]) -> str:
    """Return A1111's "In queue: 3/6" as the number of jobs before this one.

    The running job is not in that count but stands before the first of it (recordings
    parallel-internal-progress-B-queued, parallel-pending-tasks).
    """
    place = re.search(r"(\d+)\s*/\s*(\d+)", str(state.get("textinfo") or ""))
    if not place:
        return ""
    before = int(place[1])
    return f" behind {before} other{'s' if before != 1 else ''}"
