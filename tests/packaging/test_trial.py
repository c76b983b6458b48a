"""Installing and starting a package: what goes wrong is reported, and nothing is left running."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from devkit.host import PluginDied, PluginHost
from devkit.packaging import trial
from devkit.packaging.__main__ import ROOT
from devkit.packaging.contents import Package
from devkit.packaging.lock import make_lock
from devkit.packaging.rules import Check

PROJECT = '[project]\nname = "tiny"\nversion = "0.1.0"\nrequires-python = ">=3.12"\n'


def test_it_is_installed_into_its_folder_with_the_daemons_python(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "uv.lock").write_text("broken", encoding="utf-8")
    (failure,) = trial.install(Package(tmp_path))
    assert "uv sync failed" in failure
    (tmp_path / "uv.lock").write_bytes(make_lock(PROJECT, ""))
    assert list(trial.install(Package(tmp_path))) == []
    assert trial.python_of(tmp_path).exists()
    made_with = (tmp_path / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8")
    assert "3.12" in made_with or sys.version_info[:2] != (3, 12)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Package:
    """This very project, as if it were an installed package."""
    monkeypatch.setattr(trial, "python_of", lambda _root: Path(sys.executable))
    return Package(ROOT)


def test_a_plugin_that_works_has_nothing_against_it(package: Package) -> None:
    assert list(trial.make_image(package)) == []
    assert list(trial.serve(package)) == []


def test_another_version_than_the_manifests_is_reported(package: Package) -> None:
    version, package.manifest["version"] = package.manifest["version"], "9.9.9"
    assert list(trial.make_image(package)) == [f"its first line names version {version}"]


def test_a_tool_that_makes_no_image_is_reported(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PluginHost, "invoke", lambda *_, **__: SimpleNamespace(files=[]))
    assert list(trial.make_image(package)) == ["one image was requested, but it sent []"]


@pytest.mark.parametrize("step", trial.STEPS[1:])
@pytest.mark.usefixtures("package")
def test_a_start_that_fails_says_why(plugin: Path, step: Check) -> None:
    (plugin / "main.py").write_text("raise SystemExit('it broke')", encoding="utf-8")
    with pytest.raises(PluginDied, match="it broke"):
        list(step(Package(plugin)))
