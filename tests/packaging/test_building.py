"""Packing: which files, which bytes, which lock; and writing version and publisher."""

from __future__ import annotations

import os
import shutil
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
import yaml

from devkit.packaging import __main__ as program
from devkit.packaging import archive
from devkit.packaging.archive import build, runtime_project, unpack, write_archive
from devkit.packaging.ignore import packaged_files, parse_ignore
from devkit.packaging.lock import PackagingError, make_lock, pinned_versions
from devkit.packaging.release import set_author, set_manifest_field, set_version


def ignored(patterns: str, path: str, *, folder: bool = False) -> bool:
    parsed = parse_ignore(patterns)
    return any(each.matches(PurePosixPath(path), is_folder=folder) for each in parsed)


@pytest.mark.parametrize(
    ("pattern", "path", "folder", "expected"),
    [
        (".git", ".git", True, True),
        (".git", "a/.git", True, True),
        (".git", ".github", True, False),
        ("/devkit", "devkit", True, True),
        ("/devkit", "a/devkit", True, False),
        ("*.pyc", "a/b/c.pyc", False, True),
        ("*.pyc", "a/b.pyc/c.txt", False, False),
        ("a/*.txt", "a/b.txt", False, True),
        ("a/*.txt", "a/b/c.txt", False, False),
        ("a/**/c.txt", "a/c.txt", False, True),
        ("a/**/c.txt", "a/b/b/c.txt", False, True),
        ("a/**", "a/b/c.txt", False, True),
        ("**/c.txt", "a/b/c.txt", False, True),
        ("out/", "out", True, True),
        ("out/", "out", False, False),
        ("file?.[ab]", "file1.a", False, True),
        ("file?.[ab]", "file1.c", False, False),
        ("a+b", "a+b", False, True),
        ("# note", "# note", False, False),
        ("!keep", "!keep", False, False),
    ],
)
def test_patterns(pattern: str, path: str, folder: bool, expected: bool) -> None:
    assert ignored(pattern, path, folder=folder) is expected


def test_an_exclamation_mark_brings_nothing_back(plugin: Path) -> None:
    (plugin / ".difyignore").write_text("*.txt\n!keep.txt\n", encoding="utf-8")
    (plugin / "keep.txt").touch()
    assert PurePosixPath("keep.txt") not in packaged_files(plugin)


def test_what_lies_in_an_ignored_folder_stays_out(plugin: Path) -> None:
    (plugin / ".git" / "objects").mkdir(parents=True)
    (plugin / ".git" / "objects" / "tools").touch()
    files = {path.as_posix() for path in packaged_files(plugin)}
    assert not any(path.startswith(".git") for path in files)
    assert "tools/draw.yaml" in files


def test_without_difyignore_nothing_is_packed(plugin: Path) -> None:
    (plugin / ".difyignore").unlink()
    with pytest.raises(FileNotFoundError):
        packaged_files(plugin)


@pytest.fixture
def without_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "make_lock", lambda _project, _requirements: b"locked")


@pytest.mark.usefixtures("without_uv")
def test_the_same_files_give_the_same_bytes(plugin: Path, tmp_path: Path) -> None:
    first = build(plugin, tmp_path / "one").read_bytes()
    for path in plugin.rglob("*"):
        os.utime(path, (1, 1))
    (plugin / "main.py").chmod(0o755)
    assert build(plugin, tmp_path / "two").read_bytes() == first
    (plugin / "LICENSE").write_text("other", encoding="utf-8")
    assert build(plugin, tmp_path / "three").read_bytes() != first


@pytest.mark.usefixtures("without_uv")
def test_the_package_is_named_and_holds_a_fresh_lock(plugin: Path, tmp_path: Path) -> None:
    package = build(plugin, tmp_path / "dist")
    assert package.name == "tiny-0.1.0.difypkg"
    with zipfile.ZipFile(package) as opened:
        names = opened.namelist()
        assert opened.read("uv.lock") == b"locked"
    assert names == sorted(names)
    assert len(names) == len(set(names))
    assert not any(name.endswith("/") for name in names)


@pytest.mark.usefixtures("without_uv")
def test_two_versions_are_refused(plugin: Path, tmp_path: Path) -> None:
    project = plugin / "pyproject.toml"
    project.write_text(project.read_text(encoding="utf-8").replace("0.1.0", "0.2.0"))
    with pytest.raises(PackagingError, match=r"version 0\.1\.0, pyproject\.toml says 0\.2\.0"):
        build(plugin, tmp_path)


# Python's zipfile turns backslashes into slashes on Windows, before anybody sees them.
UNSAFE = ["../outside", "/absolute", *([] if os.name == "nt" else ["a\\b"])]


@pytest.mark.parametrize("name", UNSAFE)
def test_unpacking_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    package = tmp_path / "bad.difypkg"
    with zipfile.ZipFile(package, "w") as opened:
        opened.writestr(name, "x")
    with pytest.raises(PackagingError, match="unsafe path"):
        unpack(package, tmp_path / "out")


def test_a_file_that_is_no_zip_is_named(tmp_path: Path) -> None:
    package = tmp_path / "bad.difypkg"
    package.write_text("no zip", encoding="utf-8")
    with pytest.raises(PackagingError, match=r"bad\.difypkg is not a package"):
        unpack(package, tmp_path / "out")


def test_pins_are_read_from_a_requirements_file() -> None:
    text = "a_b==1.0 \\\n    --hash=sha256:00\n# c==2\nd==3.1 ; python_version < '4'\ne>=1\n"
    assert pinned_versions(text) == {"a-b": "1.0", "d": "3.1"}


def test_a_lock_is_made_of_what_the_project_asks_for() -> None:
    project = '[project]\nname = "tiny"\nversion = "0.1.0"\nrequires-python = ">=3.12"\n'
    locked = tomllib.loads(make_lock(project, "").decode())
    assert [package["name"] for package in locked["package"]] == ["tiny"]


def test_a_lock_that_cannot_be_made_says_why() -> None:
    with pytest.raises(PackagingError, match="uv lock failed"):
        make_lock("[project]\nname = 1\n", "")


def test_the_package_is_installed_without_the_developers_tools() -> None:
    project = tomllib.loads(runtime_project((program.ROOT / "pyproject.toml").read_text()))
    whole = tomllib.loads((program.ROOT / "pyproject.toml").read_text())
    assert project["project"] == whole["project"]
    assert project["tool"] == {"uv": whole["tool"]["uv"]}
    assert set(project) == {"project", "tool"}


def test_the_author_is_written_everywhere(plugin: Path) -> None:
    example = plugin / "examples" / "app.yml"
    example.parent.mkdir()
    example.write_text("provider_id: someone/tiny/images\n", encoding="utf-8")
    changed = set_author(plugin, "other")
    assert {path.name for path in changed} == {
        "manifest.yaml", "images.yaml", "draw.yaml", "app.yml",
    }  # fmt: skip
    for path in ("provider/images.yaml", "tools/draw.yaml"):
        assert yaml.safe_load((plugin / path).read_text())["identity"]["author"] == "other"
    assert example.read_text() == "provider_id: other/tiny/images\n"


def test_the_publisher_is_written_into_this_very_project(tmp_path: Path) -> None:
    for name in ("manifest.yaml", "README.md", "provider", "tools", "examples"):
        source = program.ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    old = yaml.safe_load((tmp_path / "manifest.yaml").read_text("utf-8"))["author"]
    changed = set_author(tmp_path, "somebody-else")
    for path in [*tmp_path.glob("provider/*.yaml"), *tmp_path.glob("tools/*.yaml")]:
        form = yaml.safe_load(path.read_text("utf-8"))
        before = yaml.safe_load((program.ROOT / path.relative_to(tmp_path)).read_text("utf-8"))
        assert form["identity"].pop("author") == "somebody-else"
        assert before["identity"].pop("author") == old
        assert form == before
    assert tmp_path / "examples" / "README.md" in changed
    left = [
        path
        for path in tmp_path.glob("examples/*")
        if path.is_file() and f"{old}/stable_diffusion" in path.read_text("utf-8")
    ]
    assert left == []
    for repo in ("https://git.example/one", "https://git.example/two"):
        set_manifest_field(tmp_path, "repo", repo)
        assert yaml.safe_load((tmp_path / "manifest.yaml").read_text("utf-8"))["repo"] == repo
        assert (tmp_path / "README.md").read_text("utf-8").count(f"Source code: {repo}") == 1


def test_nothing_is_written_where_a_line_is_missing(plugin: Path) -> None:
    (plugin / "tools" / "draw.yaml").write_text("identity: {}\n", encoding="utf-8")
    before = (plugin / "manifest.yaml").read_text("utf-8")
    with pytest.raises(PackagingError, match="has no line"):
        set_author(plugin, "other")
    assert (plugin / "manifest.yaml").read_text("utf-8") == before


def test_the_version_is_written_into_both_files(plugin: Path) -> None:
    set_version(plugin, "1.2.3")
    assert yaml.safe_load((plugin / "manifest.yaml").read_text())["version"] == "1.2.3"
    assert tomllib.loads((plugin / "pyproject.toml").read_text())["project"]["version"] == "1.2.3"


@pytest.mark.parametrize("there", [True, False])
def test_repo_and_contact_are_written_into_the_manifest(plugin: Path, there: bool) -> None:
    manifest = plugin / "manifest.yaml"
    if not there:
        lines = manifest.read_text().splitlines(keepends=True)
        manifest.write_text("".join(line for line in lines if not line.startswith("contact")))
    set_manifest_field(plugin, "contact", "new@example.org")
    assert yaml.safe_load(manifest.read_text())["contact"] == "new@example.org"


@pytest.fixture
def packed(plugin: Path, tmp_path: Path) -> Path:
    package = tmp_path / "tiny.difypkg"
    files = {path: (plugin / path).read_bytes() for path in packaged_files(plugin)}
    write_archive(package, files)
    return package


def test_check_prints_each_rule_and_ends_well(
    packed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["check", str(packed), "--no-trial"]) == 0
    printed = capsys.readouterr().out
    assert f"{packed.stat().st_size:,} bytes, 14 files" in printed
    assert "ok  privacy " in printed


def test_check_ends_non_zero_when_a_rule_failed(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (plugin / "LICENSE").unlink()
    files = {path: (plugin / path).read_bytes() for path in packaged_files(plugin)}
    write_archive(tmp_path / "a.difypkg", files)
    assert program.main(["check", str(tmp_path / "a.difypkg")]) == 1
    printed = capsys.readouterr().out
    assert "LICENSE is missing" in printed
    assert "Not installed and run" in printed


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--for-marketplace"], 1)])
def test_what_a_publisher_fills_in_fails_for_the_marketplace_only(
    plugin: Path, tmp_path: Path, arguments: list[str], status: int
) -> None:
    manifest = plugin / "manifest.yaml"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if not line.startswith("contact")))
    files = {path: (plugin / path).read_bytes() for path in packaged_files(plugin)}
    write_archive(tmp_path / "a.difypkg", files)
    assert program.main(["check", str(tmp_path / "a.difypkg"), "--no-trial", *arguments]) == status


def test_check_without_a_package_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "DESTINATION", tmp_path)
    assert program.main(["check"]) == 1
    assert "make package" in capsys.readouterr().err
