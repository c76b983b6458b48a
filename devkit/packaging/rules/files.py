"""Rules about which files a package holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, failed, rule, warning

CONTENTS = "marketplace: package contents check"
BINARIES = "marketplace: package binaries check"

LARGEST_PACKAGE = 50 * 1024 * 1024
MOST_FILES = 5000

# What this plugin needs at run time, and nothing else: a stray note would ship as well.
RUNTIME = frozenset(
    [
        "manifest.yaml", "main.py", "provider", "tools", "sdwebui", "bridge", "_assets", "readme",
        "README.md", "PRIVACY.md", "CHANGELOG.md", "LICENSE", "pyproject.toml",
        "requirements.txt", "uv.lock",
    ]
)  # fmt: skip
NEEDED = (
    "manifest.yaml", "main.py", "README.md", "PRIVACY.md", "LICENSE",
    "pyproject.toml", "requirements.txt", "uv.lock",
)  # fmt: skip
FORBIDDEN_FOLDERS = frozenset(
    [
        ".git", ".hg", ".svn", ".venv", "venv", "env", "__pycache__", ".pytest_cache",
        ".ruff_cache", ".mypy_cache", ".hypothesis", ".tox", ".nox", ".idea", ".vscode",
        "node_modules", "pycache", ".uv-cache", ".cache",
    ]
)  # fmt: skip
FORBIDDEN_NAMES = frozenset([".DS_Store", ".gitconfig", "Thumbs.db", "desktop.ini", "id_rsa"])
FORBIDDEN_SUFFIXES = frozenset(
    [
        ".key", ".pem", ".p12", ".pfx", ".pyc", ".pyo", ".log", ".tmp", ".swp", ".swo", ".bak",
        ".dll", ".dylib", ".exe", ".node", ".pyd", ".so",
    ]
)  # fmt: skip
SUSPECT_FOLDERS = frozenset(["build", "dist"])
SUSPECT_SUFFIXES = frozenset(
    [
        ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".sh", ".bin", ".run",
        ".command",
    ]
)  # fmt: skip
NATIVE = {
    b"\x7fELF": "an ELF binary",
    b"MZ": "a Windows binary",
    b"\xfe\xed\xfa": "a Mach-O binary",
    b"\xce\xfa\xed\xfe": "a Mach-O binary",
    b"\xcf\xfa\xed\xfe": "a Mach-O binary",
    b"\xca\xfe\xba": "a Mach-O binary",
}


@rule("size", source=f"{CONTENTS}: 50 MB, packed and unpacked")
def size(package: Package) -> Iterator[Finding]:
    """At most 50 MB, as a file and unpacked."""
    unpacked = sum(package.files.values())
    for what, value in (("unpacked", unpacked), ("packed", package.archive_bytes)):
        if value > LARGEST_PACKAGE:
            yield failed(f"{value / 1024 / 1024:.1f} MB {what}, more than 50 MB")


@rule("file-count", source=f"{CONTENTS}: 5,000 files")
def file_count(package: Package) -> Iterator[Finding]:
    """At most 5,000 files."""
    if len(package.files) > MOST_FILES:
        yield failed(f"{len(package.files)} files, more than {MOST_FILES:,}")


@rule(
    "needed-files",
    source="daemon: pyproject.toml, uv.lock, requirements.txt; marketplace: README, PRIVACY",
)
def needed_files(package: Package) -> Iterator[Finding]:
    """Everything that installation, start and the marketplace read is there."""
    for path in NEEDED:
        if path not in package.files:
            yield failed(f"{path} is missing")


@rule("runtime-files-only", source="project: only runtime files ship")
def runtime_files_only(package: Package) -> Iterator[Finding]:
    """Nothing lies in the package that the plugin does not need when it runs."""
    strays = {path.split("/", 1)[0] for path in package.files} - RUNTIME
    for stray in sorted(strays):
        yield failed(f"{stray} is no runtime file; name it in .difyignore")


@rule("forbidden-files", source=CONTENTS)
def forbidden_files(package: Package) -> Iterator[Finding]:
    """No repositories, environments, caches, keys, logs, .env files."""
    for path in map(PurePosixPath, package.files):
        environment = path.name == ".env" or (
            path.name.startswith(".env.")
            and path.suffix not in (".example", ".sample", ".template")
        )
        if FORBIDDEN_FOLDERS & set(path.parts[:-1]):
            yield failed(f"{path} lies in a folder that must not ship")
        elif environment or path.name in FORBIDDEN_NAMES or path.suffix in FORBIDDEN_SUFFIXES:
            yield failed(f"{path} must not ship")


@rule("suspect-files", source=f"{CONTENTS} and binaries check: for review")
def suspect_files(package: Package) -> Iterator[Finding]:
    """No build folders, archives or scripts, which a reviewer would ask about."""
    for path in map(PurePosixPath, package.files):
        if SUSPECT_FOLDERS & set(path.parts[:-1]) or path.suffix in SUSPECT_SUFFIXES:
            yield warning(f"{path} will be asked about")


@rule("native-binaries", source=f"{BINARIES}: magic bytes")
def native_binaries(package: Package) -> Iterator[Finding]:
    """No executable or library, whatever it is called."""
    for path in package.files:
        with (package.root / path).open("rb") as file:
            start = file.read(4)
        for magic, what in NATIVE.items():
            if start.startswith(magic):
                yield failed(f"{path} is {what}")
