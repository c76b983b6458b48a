"""Rules about who publishes the plugin; manifest.yaml is the one spot that says it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, failed, rule, to_fill_in

MARKETPLACE = "marketplace: manifest metadata check"
AUTHOR = re.compile(r"[a-z0-9_-]{1,64}")
# The hosting sites whose addresses the marketplace accepts as a source repository.
REPOSITORY = re.compile(
    r"https?://(?:www\.)?"
    r"(?:github\.com|gitlab\.com|bitbucket\.org|gitee\.com|codeberg\.org|git\.sr\.ht)"
    r"/[^\s)>\"]+",
    re.IGNORECASE,
)
EMAIL = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@rule("author", source="daemon: AuthorRegex; marketplace: pre-check of the author")
def author(package: Package) -> Iterator[Finding]:
    """Lower case, digits, ``_``, ``-``, at most 64, and no name that claims to be Dify's own."""
    value = str(package.field("author"))
    if not AUTHOR.fullmatch(value):
        yield failed(f"author {value!r} must match {AUTHOR.pattern}")
    for reserved in ("dify", "langgenius"):
        if reserved in value:
            yield failed(f"author {value!r} must not contain {reserved!r}")


@rule("author-agrees", source="project: manifest.yaml is the one spot for the author")
def author_agrees(package: Package) -> Iterator[Finding]:
    """Provider and tools name the manifest's author."""
    for path, content in {**package.providers, **package.tools}.items():
        named = (content.get("identity") or {}).get("author")
        if named != package.field("author"):
            yield failed(
                f"{path} names author {named!r}; "
                "`python -m devkit.packaging set --author NAME` writes it everywhere"
            )


@rule("repo", source=f"{MARKETPLACE}: repo, and readme check: repository URL")
def repository(package: Package) -> Iterator[Finding]:
    """The source repository's address stands in manifest.yaml and in README.md."""
    value = package.field("repo")
    if not value:
        yield to_fill_in("publisher: give manifest.yaml repo, the address of the source repository")
    elif not REPOSITORY.fullmatch(str(value)):
        yield failed(f"repo {value!r} is no address on a hosting site that the marketplace takes")
    elif str(value) not in package.text("README.md"):
        yield failed(f"README.md must hold the repository's address {value}")


@rule("contact", source=f"{MARKETPLACE}: contact")
def contact(package: Package) -> Iterator[Finding]:
    """An e-mail address for users' questions."""
    value = package.field("contact")
    if not value:
        yield to_fill_in("publisher: give manifest.yaml contact, an e-mail address")
    elif not EMAIL.fullmatch(str(value)):
        yield failed(f"contact {value!r} is no e-mail address")
