"""Replays the recorded requests against the simulator: what the plugin reads must be the same."""

import http.client
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from threading import Thread, Timer
from typing import Any
from urllib.parse import urlsplit

import pytest

from devkit.simulator import Simulator
from tests.simulator.comparing import differences
from tests.simulator.recordings import RULES, Case, case_named, cases

FAMILIES = {"a1111": 336, "forge": 370, "sdnext": 326, "sdcpp": 156, "koboldcpp": 235}
"""By family: at least so many recordings are replayed."""


def ask(url: str, case: Case) -> tuple[int, Any]:
    """Send the recorded request as it was; return status and body of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request(case.method, case.path, case.body or None, case.headers)
        response = connection.getresponse()
        data = response.read()
    finally:
        connection.close()
    try:
        return response.status, json.loads(data)
    except ValueError:
        return response.status, data.decode("utf-8", "replace")


def problems(url: str, case: Case) -> list[str]:
    """Return what the plugin would read otherwise than it was recorded."""
    try:
        status, body = ask(url, case)
    except (OSError, http.client.HTTPException) as problem:
        return [f"no answer: {problem!r}"] if case.status else []
    return differences(case, status, body)


class Player:
    """Brings simulators of a family into the state a case was recorded in, and asks them."""

    def __init__(self, family: str) -> None:
        self.family = family
        self.running: dict[str, Simulator] = {}

    def close(self) -> None:
        """End all simulators."""
        for simulator in self.running.values():
            simulator.close()

    def problems(self, case: Case) -> list[str]:
        """Play what came before the case and what ran meanwhile, then the case."""
        key = json.dumps(case.settings)
        if key not in self.running:
            self.running[key] = Simulator(self.family, catalog="recorded", **case.settings)
        simulator = self.running[key]
        simulator.reset()
        for pattern, names in self._rules("before").items():
            for name in names if re.fullmatch(pattern, case.name) else ():
                ask(simulator.url, case_named(self.family, name))
        meanwhile = [
            name
            for start, names in self._rules("meanwhile").items()
            for name in (names if case.name.startswith(start) else ())
        ]
        stopped = self._rules("stopped").get(case.name)
        if not meanwhile and not stopped:
            return problems(simulator.url, case)
        simulator.configure(step_seconds=0.1, model_load_seconds=0.6)
        threads: list[Thread] = []
        for name in meanwhile:
            other = case_named(self.family, name)
            threads.append(Thread(target=ask, args=(simulator.url, other)))
            threads[-1].start()
            time.sleep(0.1)
        if stopped:
            stop = case_named(self.family, stopped[0])
            threads.append(Timer(stopped[1], ask, args=(simulator.url, stop)))
            threads[-1].start()
        found = problems(simulator.url, case)
        simulator.configure(step_seconds=0.0)
        for thread in threads:
            thread.join()
        return found

    def _rules(self, kind: str) -> dict[str, Any]:
        rules: dict[str, Any] = RULES[kind].get(self.family, {})
        return rules


def replay(family: str, only: str = "") -> tuple[dict[str, list[str]], Counter[str]]:
    """Return differences by case, and how many were replayed or left out for which reason."""
    found: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    player = Player(family)
    try:
        for case, name, reason in cases(family):
            if only in name:
                counts[f"left out: {reason}" if case is None else "replayed"] += 1
                wrong = player.problems(case) if case else []
                found |= {name: wrong} if wrong else {}
    finally:
        player.close()
    return found, counts


@pytest.mark.parametrize("family", FAMILIES)
def test_the_plugin_reads_what_the_real_server_reported(
    family: str, record_property: Callable[[str, object], None]
) -> None:
    wrong, counts = replay(family)
    for what, number in counts.items():
        record_property(what, number)
    sys.stdout.write(f"{family}: {dict(counts)}\n")
    assert wrong == {}
    assert counts["replayed"] >= FAMILIES[family]


if __name__ == "__main__":
    wrong_ones, tally = replay(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    for case_name, listed in wrong_ones.items():
        sys.stdout.write("\n    ".join([case_name, *(line[:500] for line in listed[:4])]) + "\n")
    sys.stdout.write(f"{len(wrong_ones)} wrong {dict(tally)}\n")
