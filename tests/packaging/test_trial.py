"""Installing and starting a package: what goes wrong is said, and nothing is left running."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devkit.host import PluginDied
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
    (installed / "main.py").write_text(
        "import time\nprint(' * Serving Flask app', flush=True)\ntime.sleep(60)", encoding="utf-8"
    )
    assert list(trial.serve(Package(installed))) == []


def test_a_serverless_start_that_fails_says_why(installed: Path) -> None:
    (installed / "main.py").write_text("raise SystemExit('it broke')", encoding="utf-8")
    with pytest.raises(PluginDied, match="it broke"):
        list(trial.serve(Package(installed)))


PLUGIN = """
import base64, json, sys

def say(**message):
    print(json.dumps(message), flush=True)

def stream(session, kind, data):
    say(event="session", session_id=session, data={"type": kind, "data": data})

say(version="VERSION")
for line in sys.stdin:
    request = json.loads(line)
    session, data = request["session_id"], request["data"]
    if data["action"] == "validate_tool_credentials":
        stream(session, "stream", {"result": True})
    else:
        blob = {"id": "1", "sequence": 0, "total_length": 3, "end": False}
        blob["blob"] = base64.b64encode(b"abc").decode()
        kind = {"mime_type": "MIME", "filename": "a"}
        stream(session, "stream", {"type": "blob_chunk", "message": blob, "meta": kind})
        blob |= {"sequence": 1, "blob": "", "end": True}
        stream(session, "stream", {"type": "blob_chunk", "message": blob, "meta": kind})
    stream(session, "end", {})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a symbolic link to Python")
@pytest.mark.parametrize(
    ("version", "mime_type", "words"),
    [
        ("0.1.0", "image/png", []),
        ("0.2.0", "image/png", ["names version 0.2.0"]),
        ("0.1.0", "text/plain", ["asked for one image"]),
    ],
)
def test_a_picture_is_made_through_the_daemons_protocol(
    plugin: Path, version: str, mime_type: str, words: list[str]
) -> None:
    python = trial.python_of(plugin)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (plugin / "main.py").write_text(
        PLUGIN.replace("VERSION", version).replace("MIME", mime_type), encoding="utf-8"
    )
    findings = [finding.message for finding in trial.draw(Package(plugin))]
    assert len(findings) == len(words)
    assert all(word in message for word, message in zip(words, findings, strict=True))


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
