"""Where one's own job stands, and stopping it without harming anybody else's."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sdwebui.application import Application
from sdwebui.dialects.plan import Plan
from sdwebui.errors import DeadlineExceeded, WebUIError
from sdwebui.http.deadline import Deadline
from sdwebui.http.transport import Request, Transport

JOB_HEADER = "X-SD-Job"
"""Carries the job's id, so that a proxy can send all that concerns it to the same machine."""

GRACE_SECONDS = 0.5
"""How far beyond the time limit asking and interrupting may go."""


def handle_timeout(
    transport: Transport, deadline: Deadline, plan: Plan, task: str | None, application: Application
) -> DeadlineExceeded:
    """Return the exception for a job whose time is up, after seeing where the job stands.

    The job is interrupted if, and only if, the server reports that this very job is the one that
    runs: ``/sdapi/v1/interrupt`` stops whoever is running.

    Args:
        transport: To the server.
        deadline: Of the whole call.
        plan: What was requested.
        task: The job's id on the server; None where it has none.
        application: Its words for the time limit.
    """
    limit = (
        f"The time limit of {deadline.seconds:g} seconds{application.time_limit_hint} passed "
        f"during {plan.job}."
    )
    longer = application.longer
    if not task:
        return DeadlineExceeded(
            f"{limit} This server cannot tell where the job stands, so it was left alone and may "
            f"still be running. Ask for less, or {longer}."
        )
    until = Deadline(deadline.end + GRACE_SECONDS, deadline.seconds)
    headers = {JOB_HEADER: plan.task}
    progress = Request("POST", "/internal/progress", "progress", {"id_task": task}, headers)
    try:
        state = transport.post(progress, until)
    except WebUIError:
        state = None
    if not isinstance(state, Mapping):
        return DeadlineExceeded(
            f"{limit} The server did not tell where the job stands, so it was left alone and may "
            f"still be running. See in the WebUI, and {longer} if it is slow."
        )
    if state.get("queued"):
        return DeadlineExceeded(
            f"{limit} The job was still waiting in the server's queue{_behind(state)}; a queued "
            "job cannot be cancelled, so it will run later. Try again when the server is less "
            f"busy, or {longer}."
        )
    if state.get("active"):
        stopped = False
        with suppress(WebUIError):
            stop = Request("POST", "/sdapi/v1/interrupt", "interrupt", {}, headers)
            transport.post(stop, until)
            stopped = True
        share = state.get("progress")
        far = f" at {share:.0%}" if isinstance(share, int | float) else ""
        end = "was interrupted" if stopped else "could not be interrupted and goes on"
        return DeadlineExceeded(
            f"{limit} The job was running{far} and {end}. Ask for fewer steps, a smaller size or "
            f"fewer images, or {longer}."
        )
    return DeadlineExceeded(
        f"{limit} The server says the job is "
        f"{'done, but its answer did not arrive' if state.get('completed') else 'unknown to it'}. "
        "See in the WebUI whether the images are there, then try again."
    )


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
