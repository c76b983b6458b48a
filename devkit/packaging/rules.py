"""What a package must keep and nobody else checks.

The marketplace's toolkit looks at contents, README, dependencies and code (see
``.github/workflows/package.yml``), `tests/test_forms.py` at manifest and forms, ruff at the code.
A rule yields what is wrong; its docstring is what it promises.
"""

import fnmatch
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator

from devkit.packaging.contents import Package
from devkit.packaging.lock import LOCK_FILE, pinned_versions

Check = Callable[[Package], Iterable[str]]

LARGEST_PACKAGE = 50 * 2**20
NEEDED = (
    "manifest.yaml", "main.py", "README.md", "PRIVACY.md", "CHANGELOG.md", "LICENSE",
    "pyproject.toml", "requirements.txt", LOCK_FILE,
)  # fmt: skip
RUNTIME = (
    *NEEDED, "provider/*.yaml", "provider/*.py", "tools/*.yaml", "tools/*.py", "sdwebui/*.py",
    "sdwebui/py.typed", "bridge/*.py", "_assets/*.svg", "readme/README_[a-z][a-z]_*.md",
)  # fmt: skip
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bsk-[\w-]{20,}|\bgh[pousr]_\w{20,}|\bAKIA[0-9A-Z]{16}\b"
)


def size(package: Package) -> Iterator[str]:
    """Packed and unpacked it has at most the 50 MB that Dify takes."""
    largest = max(package.archive_bytes, sum(package.files.values()))
    if largest > LARGEST_PACKAGE:
        yield f"{largest / 2**20:.1f} MB, more than 50 MB"


def files(package: Package) -> Iterator[str]:
    """It holds what Dify reads to install and run it, and nothing else."""
    for path in NEEDED:
        if path not in package.files:
            yield f"{path} is missing"
    for path in package.files:
        if not any(fnmatch.fnmatchcase(path, pattern) for pattern in RUNTIME):
            yield f"{path} is no runtime file; name it in .difyignore"


def version(package: Package) -> Iterator[str]:
    """Manifest, pyproject.toml and the newest entry of the changelog name one version."""
    expected = package.manifest["version"]
    project = tomllib.loads(package.text("pyproject.toml"))["project"]["version"]
    if project != expected:
        yield f"pyproject.toml has version {project}, manifest.yaml {expected}"
    entries = re.findall(r"^## \[(\d[^\]]*)\]", package.text("CHANGELOG.md"), re.MULTILINE)
    if entries[:1] != [expected]:
        yield f"the newest entry of CHANGELOG.md must be [{expected}]"


def author(package: Package) -> Iterator[str]:
    """The author's name is one that Dify takes, and the same in every file."""
    name = str(package.manifest["author"])
    if not re.fullmatch(r"[a-z0-9_-]{1,64}", name) or re.search("dify|langgenius", name):
        yield f"author {name!r} must be lower case, without 'dify' or 'langgenius'"
    for path, form in package.forms.items():
        if form["identity"]["author"] != name:
            yield f"{path} names another author; `devkit.packaging set --author` writes it"


def to_fill_in(package: Package) -> Iterator[str]:
    """Yield what the publisher has to fill in yet; the marketplace's own checks insist on it."""
    for field in ("repo", "contact"):
        if not package.manifest.get(field):
            yield f"manifest.yaml lacks {field}; `devkit.packaging set --{field}` writes it"


def forms(package: Package) -> Iterator[str]:
    """Each form that is named is there, is called like its file, and has its module."""
    for path, form in package.forms.items():
        stem = path.rpartition("/")[2].removesuffix(".yaml")
        if path not in package.files:
            yield f"{path} is missing"
        elif form["identity"]["name"] != stem:
            yield f"{path} declares {form['identity']['name']!r}"
        elif form["extra"]["python"]["source"] not in package.files:
            yield f"{path} names the module {form['extra']['python']['source']}, which is missing"


def icons(package: Package) -> Iterator[str]:
    """Each icon that manifest and provider name is there, the one for dark pages too."""
    for owner in (package.manifest, package.provider["identity"]):
        for field in ("icon", "icon_dark"):
            if field in owner and f"_assets/{owner[field]}" not in package.files:
                yield f"_assets/{owner[field]} is missing"


def disclosure(package: Package) -> Iterator[str]:
    """The privacy policy is named, and it and the README name each address that users choose."""
    if package.manifest.get("privacy") != "PRIVACY.md":
        yield "privacy in manifest.yaml must be PRIVACY.md"
    credentials = package.provider["credentials_for_provider"]
    for address in (name for name in credentials if "url" in name):
        for document in ("PRIVACY.md", "README.md"):
            if f"`{address}`" not in package.text(document):
                yield f"{document} must say that requests go to the address in {address}"


def secrets(package: Package) -> Iterator[str]:
    """No file holds a private key or a token."""
    for path in package.files:
        if found := SECRETS.search(package.text(path)):
            yield f"{path} holds a secret that begins with {found[0][:12]!r}"


def lock(package: Package) -> Iterator[str]:
    """The lock has the versions of requirements.txt, hashed and from a public index."""
    pins = pinned_versions(package.text("requirements.txt"))
    for locked in tomllib.loads(package.text(LOCK_FILE))["package"]:
        name, source = locked["name"], locked["source"]
        if source == {"virtual": "."}:
            continue
        if not re.match(r"https://(?!localhost|\d+\.|\[)[^/]+\.", source.get("registry", "")):
            yield f"uv.lock takes {name} from {source}"
        files = [*locked.get("wheels", []), *filter(None, [locked.get("sdist")])]
        if not all("hash" in file for file in files):
            yield f"uv.lock has no hash for each file of {name}"
        if (wanted := pins.pop(name, None)) != locked["version"]:
            yield f"uv.lock has {name} {locked['version']}, requirements.txt {wanted}"
    for name in pins:
        yield f"uv.lock lacks {name}, which requirements.txt names"


RULES: tuple[Check, ...] = (
    size, files, version, author, forms, icons, disclosure, secrets, lock,
)  # fmt: skip
