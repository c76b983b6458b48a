"""Packing: which files, which bytes, which lock; and writing version and publisher."""

import os
import shutil
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from devkit.packaging import __main__ as program
from devkit.packaging import archive
from devkit.packaging.archive import build, runtime_project, unpack
from devkit.packaging.ignore import packaged_files
from devkit.packaging.lock import PackagingError, make_lock, pinned_versions
from devkit.packaging.release import write

ROOT = program.ROOT


def load(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("pattern", "named", "not_named"),
    [
        (".git", [".git/x", "a/.git/b/x", "b/.git"], [".github/x", "a.git"]),
        ("/devkit", ["devkit/x", "devkit/a/x"], ["a/devkit/x"]),
        ("*.pyc", ["a/b/c.pyc", "a/b.pyc/c.txt", "c.pyc"], ["a/c.py"]),
        ("a/*.txt", ["a/b.txt"], ["a/b/c.txt", "b/a/b.txt"]),
        ("out/", ["out/x", "a/out/x"], ["b/out"]),
        ("a/out/", ["a/out/x"], ["b/a/out/x"]),
        ("file?.[ab]", ["file1.a"], ["file1.c", "file.a"]),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, named: list[str], not_named: list[str]) -> None:
    for path in (*named, *not_named):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / ".difyignore").write_text(f"/.difyignore\n{pattern}\n", encoding="utf-8")
    assert [path.as_posix() for path in packaged_files(tmp_path)] == sorted(not_named)


def test_a_pattern_for_any_number_of_folders_is_refused(plugin: Path) -> None:
    (plugin / ".difyignore").write_text(".git\na/**/c.txt\n", encoding="utf-8")
    with pytest.raises(PackagingError, match=r"a/\*\*/c\.txt holds \*\*"):
        packaged_files(plugin)


def test_what_is_ignored_stays_out_whatever_follows(plugin: Path) -> None:
    (plugin / ".difyignore").write_text("# .yaml\n.git\n*.txt\n!keep.txt\n", encoding="utf-8")
    (plugin / ".git" / "objects").mkdir(parents=True)
    for name in ("keep.txt", ".git/objects/tools", "tools/more.py"):
        (plugin / name).touch()
    files = {path.as_posix() for path in packaged_files(plugin)}
    assert {"tools/draw.yaml", "tools/more.py"} < files
    assert not any(path.startswith(".git/") or path == "keep.txt" for path in files)


def test_without_difyignore_nothing_is_packed(plugin: Path) -> None:
    (plugin / ".difyignore").unlink()
    with pytest.raises(FileNotFoundError):
        packaged_files(plugin)


def test_the_same_files_give_the_same_bytes_and_a_fresh_lock(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "make_lock", lambda _project, _requirements: b"locked")
    first = build(plugin, tmp_path / "one")
    assert first.name == "tiny-0.1.0.difypkg"
    with zipfile.ZipFile(first) as opened:
        assert opened.read("uv.lock") == b"locked"
        assert opened.namelist() == sorted(path.as_posix() for path in packaged_files(plugin))
    for path in plugin.rglob("*"):
        os.utime(path, (1, 1))
    (plugin / "main.py").chmod(0o755)
    assert build(plugin, tmp_path / "two").read_bytes() == first.read_bytes()
    (plugin / "LICENSE").write_text("other", encoding="utf-8")
    assert build(plugin, tmp_path / "three").read_bytes() != first.read_bytes()


def test_a_file_that_is_no_zip_is_named(tmp_path: Path) -> None:
    package = tmp_path / "bad.difypkg"
    package.write_text("no zip", encoding="utf-8")
    with pytest.raises(PackagingError, match=r"bad\.difypkg is not a package"):
        unpack(package, tmp_path / "out")


def test_pins_are_read_from_a_requirements_file() -> None:
    text = "a_b==1.0 \\\n    --hash=sha256:00\n# c==2\nd==3.1 ; python_version < '4'\ne>=1\n"
    assert pinned_versions(text) == {"a-b": "1.0", "d": "3.1"}


def test_a_lock_that_cannot_be_made_says_why() -> None:
    with pytest.raises(PackagingError, match="uv lock failed"):
        make_lock("[project]\nname = 1\n", "")


def test_the_package_is_installed_without_the_developers_tools() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert tomllib.loads(runtime_project((ROOT / "pyproject.toml").read_text())) == {
        "project": whole["project"],
        "tool": {"uv": whole["tool"]["uv"]},
    }


@pytest.mark.parametrize("times", [1, 2])
def test_version_and_publisher_are_written_into_this_very_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    for name in ("manifest.yaml", "pyproject.toml", "README.md", "provider", "tools", "examples"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    author = load(ROOT / "manifest.yaml")["author"]
    written = {"author": "else", "repo": "https://git.example/one", "contact": "one@example.org"}
    monkeypatch.setattr(program, "ROOT", tmp_path)
    for _ in range(times):
        options = [f"--{name}={value}" for name, value in written.items()]
        assert program.main(["set", "--version=1.2.3", *options]) == 0
    assert load(tmp_path / "manifest.yaml").items() >= {"version": "1.2.3", **written}.items()
    assert '\nversion = "1.2.3"\n' in (tmp_path / "pyproject.toml").read_text()
    assert (tmp_path / "README.md").read_text("utf-8").count("\nSource code: ") == 1
    assert "\nSource code: https://git.example/one\n" in (tmp_path / "README.md").read_text("utf-8")
    for path in [*tmp_path.glob("provider/*.yaml"), *tmp_path.glob("tools/*.yaml")]:
        form, before = load(path), load(ROOT / path.relative_to(tmp_path))
        assert form["identity"].pop("author") == "else"
        assert before["identity"].pop("author") == author
        assert form == before
    texts = [path.read_text("utf-8") for path in tmp_path.glob("examples/*.[my]*")]
    assert any("else/stable_diffusion" in text for text in texts)
    assert not any(f"{author}/stable_diffusion" in text for text in texts)


def test_nothing_is_written_where_a_line_is_missing(plugin: Path) -> None:
    (plugin / "tools" / "draw.yaml").write_text("identity: {}\n", encoding="utf-8")
    before = (plugin / "manifest.yaml").read_text("utf-8")
    with pytest.raises(PackagingError, match="has no line"):
        write(plugin, "author", "other")
    assert (plugin / "manifest.yaml").read_text("utf-8") == before
