"""Every cell of docs/servers.md names a test that there is, for that family."""

import re
import subprocess
import sys
from pathlib import Path

from devkit.faults import FAMILIES

ROOT = Path(__file__).parents[1]


def test_every_cell_names_a_test_of_its_family() -> None:
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "servers.md").read_text("utf-8").splitlines()
        if line.startswith("|") and "---" not in line
    ]
    families, missing = rows[0][1:], []
    for row in rows[1:]:
        assert len(row) == 7, row[0]
        for family, cell in zip(families, row[1:], strict=True):
            name = re.findall(r"`(\w+)`$", cell)
            assert name, f"{row[0]}, {family}: no test is named"
            if not any(_proves(line, name[0], family) for line in collected):
                missing.append(f"{row[0]}, {family}: test_{name[0]}")
    assert missing == []


def _proves(line: str, name: str, family: str) -> bool:
    """Whether a collected test is of that name, and of that family where it is of one."""
    found = re.search(rf"::test_{name}(?:\[(.*)\])?$", line)
    if not found:
        return False
    # "a1111-1.6" is a family of its own, and not a1111 with a 1.6 behind it.
    id_ = (found[1] or "").replace("a1111-1.6", "a1111_1.6")
    families = {one.replace("-", "_") for one in FAMILIES}
    named = families & set(id_.split("-"))
    return not named or family.replace("-", "_") in named
