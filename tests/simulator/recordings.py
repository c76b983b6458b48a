"""The recorded requests that can be replayed, with the reason for each that cannot.

``replay.json`` holds what is known of them: what the plugin asks servers ("played"), which cases
are left out and why, and the state that others were recorded in: flags of the server, requests
before and meanwhile, and jobs that another request stopped after some seconds at 0.1 a step.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.recordings import SHORTENED, body_of, records

RULES: dict[str, Any] = json.loads(Path(__file__).with_name("replay.json").read_text("utf-8"))


@dataclass(frozen=True)
class Case:
    """One recorded request with its answer; status 0: the connection was closed without one."""

    family: str
    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer: Any
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def seeded(self) -> bool:
        """Whether the request fixes the seed."""
        requested = json.loads(self.body)
        try:
            seed = int(float(requested.get("seed", -1)))
        except ValueError:
            return False
        return 0 <= seed < 2**31 if self.family in ("sdcpp", "koboldcpp") else seed != -1


def reason_against(family: str, name: str) -> str:
    """Return why a recording is not replayed; "" when it is."""
    record = records(family)[name]
    rules = [*RULES["left out"]["every"], *RULES["left out"][family]]
    by_name = next((why for pattern, why in rules if re.match(pattern, name)), "")
    if by_name:
        return by_name
    if "request" not in record or "samples" in record:
        return "samples over time, not one answer"
    request = record["request"]
    if request["path"] not in RULES["played"].get(request["method"], ()):
        return "the plugin never calls this route in this way"
    if record["status"] is None and not record.get("closed"):
        return "the recording client gave up, or the server was killed"
    if SHORTENED in json.dumps(request, ensure_ascii=False):
        return "its image was shortened when it was recorded"
    if _has_null(request.get("body")):
        return "the plugin never sends null: a null in more_settings takes the field out"
    return ""


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(member is None or _has_null(member) for member in value.values())
    return False


def cases(family: str) -> Iterator[tuple[Case | None, str, str]]:
    """Yield each recording as a case, its name, and the reason when it is not replayed."""
    for name in records(family):
        reason = reason_against(family, name)
        yield (None if reason else case_named(family, name)), name, reason


def case_named(family: str, name: str) -> Case:
    """Return a recording, whether it is replayed or sets a state up for others."""
    record = records(family)[name]
    request = record["request"]
    flags = RULES["started with"].get(family, ())
    settings: dict[str, Any] = next(
        (settings for pattern, settings in flags if re.match(pattern, name)), {}
    )
    return Case(
        family, name, request["method"], request["path"], request["headers"], body_of(request),
        record["status"] or 0, record.get("body"), settings,
    )  # fmt: skip
