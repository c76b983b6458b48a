"""``python -m devkit.packaging build|check|test|set``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devkit.packaging import rules, trial
from devkit.packaging.archive import build, unpack
from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, Rule, Status, run_rules
from devkit.packaging.lock import PackagingError
from devkit.packaging.release import set_author, set_manifest_field, set_version

ROOT = Path(__file__).parents[2]
DESTINATION = ROOT / "dist"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when a rule failed or nothing could be built."""
    parser = argparse.ArgumentParser(prog="python -m devkit.packaging")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="write dist/<name>-<version>.difypkg")
    check = commands.add_parser("check", help="hold a package against the platform's rules")
    check.add_argument("file", nargs="?", type=Path, help="default: the newest in dist/")
    check.add_argument("--no-trial", action="store_true", help="do not install and run it")
    check.add_argument(
        "--for-marketplace",
        action="store_true",
        help="what the publisher must fill in is a failure",
    )
    tester = commands.add_parser("test", help="run the end-to-end tests on the installed package")
    tester.add_argument("file", nargs="?", type=Path, help="default: the newest in dist/")
    setter = commands.add_parser("set", help="write version or publisher wherever they stand")
    for option in ("version", "author", "repo", "contact"):
        setter.add_argument(f"--{option}")
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            return _build()
        if options.command == "check":
            return _check(options)
        if options.command == "test":
            return _test(options.file or _newest())
        return _set(options)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1


def _build() -> int:
    package = build(ROOT, DESTINATION)
    print(f"{package.relative_to(ROOT)}  {package.stat().st_size:,} bytes")
    return 0


def _set(options: argparse.Namespace) -> int:
    changed: list[Path] = []
    if options.version:
        changed += set_version(ROOT, options.version)
    if options.author:
        changed += set_author(ROOT, options.author)
    for field in ("repo", "contact"):
        if getattr(options, field):
            changed += set_manifest_field(ROOT, field, getattr(options, field))
    for path in dict.fromkeys(changed):
        print(path.relative_to(ROOT))
    return 0


def _newest() -> Path:
    packages = sorted(DESTINATION.glob("*.difypkg"), key=lambda path: path.stat().st_mtime)
    if not packages:
        raise PackagingError("dist/ holds no package; `make package` makes one.")
    return packages[-1]


def _check(options: argparse.Namespace) -> int:
    archive: Path = options.file or _newest()
    with tempfile.TemporaryDirectory(prefix="difypkg-") as folder:
        root = Path(folder) / "plugin"
        unpack(archive, root)
        package = Package(root, archive.stat().st_size)
        total = sum(package.files.values())
        print(
            f"{archive.name}: {package.archive_bytes:,} bytes, "
            f"{len(package.files)} files, {total:,} bytes unpacked\n"
        )
        counts = dict.fromkeys(Status, 0)
        for rule, findings in _all_checks(package, with_trial=not options.no_trial):
            counts[_print(rule, findings, for_marketplace=options.for_marketplace)] += 1
    print("\n" + ", ".join(f"{count} {status.value}" for status, count in counts.items() if count))
    return 1 if counts[Status.FAILED] else 0


def _test(archive: Path) -> int:
    """The end-to-end tests of the checkout against the package's own copy of the plugin."""
    with tempfile.TemporaryDirectory(prefix="difypkg-") as folder:
        root = Path(folder) / "plugin"
        unpack(archive, root)
        for found in trial.install(Package(root, archive.stat().st_size)):
            print(found.message)
        tests = ["tests/e2e", "tests/test_credentials.py", "tests/test_files.py"]
        command = [sys.executable, "-m", "pytest", "-q", *tests]
        env = {
            **os.environ,
            "PLUGIN_FOLDER": str(root),
            "PLUGIN_PYTHON": str(trial.python_of(root)),
        }
        return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def _all_checks(package: Package, *, with_trial: bool) -> Iterator[tuple[Rule, list[Finding]]]:
    sound = True
    for each, findings in run_rules(package):
        sound = sound and all(found.status != Status.FAILED for found in findings)
        yield each, findings
    if with_trial and sound:
        yield from trial.run(package)
    elif with_trial:
        print("Not installed and run, since a rule above failed.")


def _print(rule: Rule, findings: list[Finding], *, for_marketplace: bool) -> Status:
    """Print one rule's line and its findings; return the worst status."""
    order = list(Status)
    statuses = [
        Status.FAILED if for_marketplace and found.status == Status.TO_FILL_IN else found.status
        for found in findings
    ]
    worst = max(statuses, key=order.index, default=Status.OK)
    print(f"{worst.value:>10}  {rule.name:22} {rule.source}")
    for found in findings:
        print(f"{'':15}{found.message}")
    return worst


if __name__ == "__main__":
    assert rules.__all__  # imported for the rules that it registers
    sys.exit(main())
