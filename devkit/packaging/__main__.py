"""``python -m devkit.packaging build|check|test|set``."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devkit.packaging.archive import build, unpack
from devkit.packaging.contents import Package
from devkit.packaging.lock import PackagingError
from devkit.packaging.release import FIELDS, write
from devkit.packaging.rules import RULES, Check, to_fill_in
from devkit.packaging.trial import STEPS, install, python_of

ROOT = Path(__file__).parents[2]
DESTINATION = ROOT / "dist"
ON_THE_PACKAGE = ("tests/e2e", "tests/test_credentials.py", "tests/test_files.py")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when a check failed or nothing could be built."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "build":
            return _build()
        if options.command == "set":
            return _set(options)
        with _unpacked(options.file or _newest()) as package:
            return _check(package) if options.command == "check" else _test(package)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devkit.packaging")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="write dist/<name>-<version>.difypkg")
    check = commands.add_parser("check", help="examine a package, install and run it")
    test = commands.add_parser("test", help="run the end-to-end tests on the installed package")
    for command in (check, test):
        command.add_argument("file", nargs="?", type=Path, help="default: the newest in dist/")
    setter = commands.add_parser("set", help="write version or publisher wherever they stand")
    for name in FIELDS:
        setter.add_argument(f"--{name}")
    return parser


def _build() -> int:
    package = build(ROOT, DESTINATION)
    print(f"{package.relative_to(ROOT)}  {package.stat().st_size:,} bytes")
    return 0


def _set(options: argparse.Namespace) -> int:
    changed: set[Path] = set()
    for name in FIELDS:
        if value := getattr(options, name):
            changed.update(write(ROOT, name, value))
    for path in sorted(changed):
        print(path.relative_to(ROOT))
    return 0


def _newest() -> Path:
    packages = sorted(DESTINATION.glob("*.difypkg"), key=lambda path: path.stat().st_mtime)
    if not packages:
        raise PackagingError("dist/ holds no package; `make package` makes one.")
    return packages[-1]


@contextmanager
def _unpacked(archive: Path) -> Iterator[Package]:
    with tempfile.TemporaryDirectory(prefix="difypkg-") as folder:
        root = Path(folder) / "plugin"
        unpack(archive, root)
        yield Package(root, archive.stat().st_size)


def _check(package: Package) -> int:
    print(f"{package.archive_bytes:,} bytes, {len(package.files)} files")
    failed = [rule for rule in RULES if not _passes(rule, package)]
    if failed:
        print("Not installed and run, since a rule failed.")
        return 1
    for message in to_fill_in(package):
        print(f"to fill in  {message}")
    # A step that fails is the last.
    return 0 if all(_passes(step, package) for step in STEPS) else 1


def _passes(check: Check, package: Package) -> bool:
    """Run a check and print what it finds; one that breaks on the package has failed."""
    try:
        failures = list(check(package))
    except Exception as error:  # noqa: BLE001  a broken package may break a check in any way
        failures = [f"{type(error).__name__}: {error}"]
    print(f"{'FAILED' if failures else 'ok':>10}  {check.__doc__}")
    for failure in failures:
        print(f"{'':12}{failure}")
    return not failures


def _test(package: Package) -> int:
    """Run the end-to-end tests of the checkout on the package's own copy of the plugin."""
    if not _passes(install, package):
        return 1
    plugin = {"PLUGIN_FOLDER": str(package.root), "PLUGIN_PYTHON": str(python_of(package.root))}
    command = [sys.executable, "-m", "pytest", "-q", *ON_THE_PACKAGE]
    return subprocess.run(command, cwd=ROOT, env=os.environ | plugin, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
