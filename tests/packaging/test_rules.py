"""Every rule of the package check catches what it is for, and passes a package that is right."""

import os
import re
from pathlib import Path

import pytest

from devkit.packaging import __main__ as program
from devkit.packaging.archive import write_archive
from devkit.packaging.contents import Package
from devkit.packaging.ignore import packaged_files
from devkit.packaging.rules import RULES, Check, size, to_fill_in

# A file's whole content, what stands in it and what shall stand there, or None to remove it.
Change = str | tuple[str, str] | None


def change(file: Path, to: Change) -> None:
    match to:
        case None:
            file.unlink()
        case old, new:
            before = file.read_text(encoding="utf-8")
            assert old in before
            file.write_text(before.replace(old, new), encoding="utf-8")
        case str():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(to, encoding="utf-8")


M, P, T = "manifest.yaml", "provider/images.yaml", "tools/draw.yaml"
CASES: list[tuple[str, str, Change, str]] = [
    ("files", "uv.lock", None, "uv.lock is missing"),
    ("files", "notes.txt", "a", "notes.txt is no"),
    ("files", "tools/.env", "A=1", ".env is no"),
    ("files", ".venv/pyvenv.cfg", "a", ".venv/pyvenv.cfg is no"),
    ("files", "tools/server.pem", "a", "server.pem is no"),
    ("files", "readme/README.zh.md", "a", "README.zh.md is no"),
    ("files", "README_zh_Hans.md", "a", "README_zh_Hans.md is no"),
    ("version", "pyproject.toml", ("0.1.0", "0.2.0"), "version 0.2.0, manifest.yaml 0.1.0"),
    ("version", "CHANGELOG.md", ("[0.1.0]", "[0.0.9]"), "CHANGELOG"),
    ("author", M, ("author: someone", "author: Some One"), "'Some One' must be lower case"),
    ("author", M, ("author: someone", "author: dify-fan"), "'dify-fan' must be"),
    ("author", T, ("author: someone", "author: other"), "tools/draw.yaml names another"),
    ("forms", "tools/draw.py", None, "tools/draw.py, which is missing"),
    ("forms", T, None, f"{T} is missing"),
    ("forms", T, ("name: draw", "name: paint"), "declares 'paint'"),
    ("icons", "_assets/icon_dark.svg", None, "icon_dark.svg is missing"),
    ("icons", P, ("icon: icon.svg", "icon: other.svg"), "other.svg is missing"),
    ("disclosure", M, ("PRIVACY.md", "OTHER.md"), "must be PRIVACY.md"),
    ("disclosure", "README.md", ("base_url", "address"), "README.md must say"),
    ("disclosure", "PRIVACY.md", ("base_url", "address"), "PRIVACY.md must say"),
    ("secrets", "tools/draw.py", "-----BEGIN RSA PRIVATE KEY-----", "draw.py holds"),
    ("secrets", "tools/draw.py", f"ghp_{'a' * 36}", "begins with 'ghp_"),
    ("lock", "uv.lock", ("pip.example/simple", "127.0.0.1/x"), "127.0"),
    ("lock", "uv.lock", ("registry", "git"), "from {'git'"),
    ("lock", "uv.lock", ("hash =", "url ="), "hash"),
    ("lock", "uv.lock", ('"0.10.2"', '"0.10.3"'), "0.10.3, requirements.txt 0.10.2"),
    ("lock", "requirements.txt", "rich==13.0\ndify-plugin==0.10.2", "lacks rich"),
]


@pytest.mark.parametrize(("name", "file", "to", "words"), CASES)
def test_the_rule_catches_it(plugin: Path, name: str, file: str, to: Change, words: str) -> None:
    (plugin / ".difyignore").unlink()
    (rule,) = (rule for rule in RULES if rule.__name__ == name)
    assert list(rule(Package(plugin))) == []
    change(plugin / file, to)
    failures = list(rule(Package(plugin)))
    assert any(words in failure for failure in failures), failures


def test_more_than_50_mb_is_reported(plugin: Path) -> None:
    assert list(size(Package(plugin, 50 * 2**20))) == []
    assert list(size(Package(plugin, 51 * 2**20))) == ["51.0 MB, more than 50 MB"]
    os.truncate(plugin / "main.py", 52 * 2**20)
    assert list(size(Package(plugin, 1))) == ["52.0 MB, more than 50 MB"]


def test_every_rule_has_a_case_and_says_what_it_promises() -> None:
    assert {"size", *(name for name, *_ in CASES)} == {rule.__name__ for rule in RULES}
    assert all(rule.__doc__ for rule in RULES)


@pytest.mark.parametrize("field", ["repo", "contact"])
def test_what_the_publisher_fills_in_is_named(plugin: Path, field: str) -> None:
    assert list(to_fill_in(Package(plugin))) == []
    change(plugin / M, (f"\n{field}:", "\nother:"))
    (message,) = to_fill_in(Package(plugin))
    assert f"lacks {field}" in message


def test_serverless_the_plugin_waits_as_long_as_dify_gives_a_tool() -> None:
    limit = re.search(r"MAX_REQUEST_TIMEOUT=(\d+)", (program.ROOT / "main.py").read_text("utf-8"))
    assert limit
    assert int(limit[1]) >= 600


def gone(_: Package) -> list[str]:
    raise OSError("gone")


@pytest.mark.parametrize(
    ("file", "to", "steps", "passed", "words"),
    [
        ("LICENSE", "MIT", (size,), len(RULES) + 1, " bytes, 15 files"),
        ("LICENSE", None, (size,), len(RULES) - 1, "LICENSE is missing"),
        ("LICENSE", None, (size,), len(RULES) - 1, "Not installed and run"),
        ("pyproject.toml", "[[[", (size,), len(RULES) - 1, "TOMLDecodeError: "),
        ("LICENSE", "MIT", (size, gone, size), len(RULES) + 1, "OSError: gone"),
    ],
)
def test_check_reports_every_rule_and_ends_with_the_first_step_that_fails(
    plugin: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    to: Change,
    steps: tuple[Check, ...],
    passed: int,
    words: str,
) -> None:
    change(plugin / file, to)
    package = plugin.parent / "tiny.difypkg"
    write_archive(package, {path: (plugin / path).read_bytes() for path in packaged_files(plugin)})
    monkeypatch.setattr(program, "STEPS", steps)
    status = program.main(["check", str(package)])
    printed = capsys.readouterr().out
    assert status == printed.count("FAILED")
    assert printed.count("  ok  ") == passed
    assert words in printed


def test_check_without_a_package_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "DESTINATION", tmp_path)
    assert program.main(["check"]) == 1
    assert "make package" in capsys.readouterr().err
