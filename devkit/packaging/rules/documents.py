"""Rules about README, its translations and PRIVACY.md."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, failed, rule, warning

README = "marketplace: readme metadata check"

CODE_FENCE = re.compile(r"```.*?```", re.DOTALL)
CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7af]")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)|<img[^>]+src=\"([^\"]+)\"")
TRANSLATION = re.compile(r"readme/README_[a-z]{2}_[A-Za-z]{2,}\.md")
SECTIONS = {
    "setup": r"set ?up|install|configur|getting started",
    "usage": r"usage|\buse\b|example|workflow|chatflow",
    "credentials": r"credential|authori[sz]|authentication|api[ _]key|password",
    "connection": r"connect|endpoint|base url|host|proxy|network",
}
TEMPLATE = "please fill in the privacy policy"
SHORTEST_POLICY = 400
DISCLOSURES = {
    "what is collected": r"collect",
    "what is stored or kept": r"\bstor|retain|keep|kept|persist",
    "what is logged": r"\blog",
    "what is sent": r"\bsen[dt]|transmit",
    "third parties": r"third[ -]part",
}


def _prose(text: str) -> str:
    return CODE_FENCE.sub("", text)


@rule("readme-english", source=f"{README}: English outside code fences")
def readme_english(package: Package) -> Iterator[Finding]:
    """README.md is there, and its prose holds no Chinese, Japanese or Korean writing."""
    text = package.text("README.md")
    if not text.strip():
        yield failed("README.md is missing or empty")
    foreign = CJK.findall(_prose(text))
    if foreign:
        yield failed(f"README.md holds {len(foreign)} CJK characters outside code fences")


@rule("readme-sections", source=f"{README}: what a first-time user needs")
def readme_sections(package: Package) -> Iterator[Finding]:
    """README.md speaks of setup, usage, credentials and connection."""
    text = package.text("README.md")
    for section, words in SECTIONS.items():
        if not re.search(words, text, re.IGNORECASE):
            yield warning(f"README.md says nothing about {section}")


@rule("readme-links", source="project: the package's README is read without its repository")
def readme_links(package: Package) -> Iterator[Finding]:
    """Images and files that the READMEs link to are in the package, or linked by address."""
    for readme in ("README.md", *(path for path in package.files if path.startswith("readme/"))):
        folder = readme.rpartition("/")[0]
        for match in LINK.finditer(_prose(package.text(readme))):
            target = (match[1] or match[2]).split("#", 1)[0]
            if not target or re.match(r"[a-z]+:", target):
                continue
            if _resolve(folder, target) not in package.files:
                yield warning(f"{readme} links to {target}, which is not in the package")


def _resolve(folder: str, target: str) -> str:
    parts = [part for part in folder.split("/") if part]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


@rule("readme-translations", source="daemon: AvailableI18nReadme")
def translations(package: Package) -> Iterator[Finding]:
    """Translations are called readme/README_<lang>.md; others are not found by Dify."""
    for path in package.files:
        misplaced = re.fullmatch(r"README[._-].+\.md", path)
        if misplaced or (path.startswith("readme/") and not TRANSLATION.fullmatch(path)):
            yield failed(f"{path}: a translation is called readme/README_<lang>_<REGION>.md")


@rule("privacy", source="marketplace: manifest metadata check, privacy policy")
def privacy(package: Package) -> Iterator[Finding]:
    """The manifest names PRIVACY.md, and it says what is collected, kept, logged and sent."""
    if package.field("privacy") != "PRIVACY.md":
        yield failed("privacy in manifest.yaml must be PRIVACY.md")
    text = package.text("PRIVACY.md")
    if len(text) < SHORTEST_POLICY or TEMPLATE in text.lower():
        yield failed("PRIVACY.md has no real content")
    for what, words in DISCLOSURES.items():
        if not re.search(words, text, re.IGNORECASE):
            yield warning(f"PRIVACY.md does not say {what}")


@rule("network-disclosed", source="marketplace: user-controlled URLs are a sensitive capability")
def network_disclosed(package: Package) -> Iterator[Finding]:
    """A credential that holds an address is named in PRIVACY.md and README.md as the target."""
    for provider in package.providers.values():
        for credential in provider.get("credentials_for_provider") or {}:
            if "url" not in credential and "endpoint" not in credential:
                continue
            for document in ("PRIVACY.md", "README.md"):
                text = package.text(document)
                sends = re.search(r"request|connect|sen[dt]s?\b", text, re.IGNORECASE)
                if credential not in text or not sends:
                    yield failed(
                        f"{document} must say that requests go to the address in {credential}"
                    )
