"""Installing and starting a package: what goes wrong is said, and nothing is left running."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devkit.packaging import trial
from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, Status, failed
from devkit.packaging.lock import make_lock

PROJECT = """
[project]
name = "tiny"
version = "0.1.0"
requires-python = ">=3.12"

[tool.uv]
package = false
"""

SERVING = """
import http.server, os
server = http.server.HTTPServer(
    ("127.0.0.1", int(os.environ["SERVERLESS_PORT"])), http.server.BaseHTTPRequestHandler
)
print(os.environ["INSTALL_METHOD"], "Serving Flask app", flush=True)
server.serve_forever()
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a project without dependencies, installed."""
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "uv.lock").write_bytes(make_lock(PROJECT, ""))
    assert [each for each in trial.install(Package(tmp_path)) if each.status == Status.FAILED] == []
    return tmp_path


def test_installing_makes_an_environment_of_its_own(installed: Path) -> None:
    assert trial.python_of(installed).exists()
    assert trial.python_of(installed).parent.parent.parent == installed


def test_a_lock_that_does_not_install_is_said(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "uv.lock").write_text("broken", encoding="utf-8")
    findings = list(trial.install(Package(tmp_path)))
    assert findings[-1].status == Status.FAILED
    assert "uv sync failed" in findings[-1].message


def test_a_serverless_start_is_found_good(installed: Path) -> None:
    (installed / "main.py").write_text(SERVING, encoding="utf-8")
    assert list(trial.serve(Package(installed))) == []


@pytest.mark.parametrize(
    ("main", "words"),
    [
        ("raise SystemExit('it broke')", "it broke"),
        ("print('Serving Flask app', flush=True)", "does not answer HTTP"),
    ],
)
def test_a_serverless_start_that_fails_is_said(installed: Path, main: str, words: str) -> None:
    (installed / "main.py").write_text(main, encoding="utf-8")
    findings = list(trial.serve(Package(installed)))
    assert [each.status for each in findings] == [Status.FAILED]
    assert words in findings[0].message


def test_the_first_step_that_fails_is_the_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def good(_package: Package) -> list[Finding]:
        return []

    def bad(_package: Package) -> list[Finding]:
        return [failed("no")]

    def broken(_package: Package) -> list[Finding]:
        raise OSError("gone")

    monkeypatch.setattr(trial, "STEPS", [("a", "", good), ("b", "", bad), ("c", "", good)])
    assert [rule.name for rule, _ in trial.run(Package(tmp_path))] == ["a", "b"]
    monkeypatch.setattr(trial, "STEPS", [("a", "", broken), ("b", "", good)])
    ((_, findings),) = trial.run(Package(tmp_path))
    assert findings == [failed("OSError: gone")]


@pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="needs Python 3.12")
def test_it_is_installed_with_the_daemons_python(installed: Path) -> None:
    assert "3.12" in (installed / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8")
