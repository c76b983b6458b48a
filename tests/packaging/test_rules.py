"""Every rule of the package check catches what it is for, and passes a package that is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devkit.packaging import rules
from devkit.packaging.contents import Package
from devkit.packaging.findings import RULES, Status, run_rules

Break = Callable[[Path], object]

assert rules.__all__  # imported for the rules that it registers


def edit(name: str, old: str, new: str) -> Break:
    def change(root: Path) -> None:
        before = (root / name).read_text(encoding="utf-8")
        assert old in before
        (root / name).write_text(before.replace(old, new), encoding="utf-8")

    return change


def write(name: str, content: str | bytes) -> Break:
    def change(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (root / name).write_bytes(data)

    return change


def remove(name: str) -> Break:
    return lambda root: (root / name).unlink()


def many_files(root: Path) -> None:
    for number in range(5001):
        (root / "tools" / f"{number}.txt").touch()


M, P, T = "manifest.yaml", "provider/images.yaml", "tools/draw.yaml"
FAILED, WARNING, TO_FILL_IN = Status.FAILED, Status.WARNING, Status.TO_FILL_IN

CASES: list[tuple[str, Break, Status, str]] = [
    ("manifest-fields", edit(M, "icon: icon.svg", "icon:"), FAILED, "lacks icon"),
    ("manifest-fields", edit(M, "entrypoint: main", "entrypoint: " + "m" * 257), FAILED, "256"),
    ("manifest-type", edit(M, "type: plugin", "type: bundle"), FAILED, "'bundle'"),
    ("manifest-name", edit(M, "name: tiny", "name: Tiny"), FAILED, "'Tiny'"),
    ("manifest-version", edit(M, '"0.1.0"', "0.1"), FAILED, "0.1"),
    ("manifest-version", edit(M, "version: 0.0.1", "version: v1"), FAILED, "meta.version"),
    ("version-agrees", edit("pyproject.toml", "0.1.0", "0.2.0"), FAILED, "0.2.0"),
    ("version-agrees", edit("CHANGELOG.md", "[0.1.0]", "[0.0.9]"), FAILED, "CHANGELOG"),
    ("manifest-runner", edit(M, '"3.12"', "3.12"), FAILED, "'3.12'"),
    ("manifest-runner", remove("main.py"), FAILED, "main.py"),
    ("manifest-arch", edit(M, "arm64", "riscv"), FAILED, "riscv"),
    ("manifest-tags", edit(M, "tags: [image]", "tags: [art]"), FAILED, "'art'"),
    ("manifest-created-at", edit(M, "12:00:00Z", "12:00:00"), FAILED, "zone"),
    ("manifest-memory", edit(M, "1048576", "0"), FAILED, "memory"),
    ("manifest-minimum-dify", edit(M, "  minimum_dify_version: 1.7.0\n", ""), WARNING, "minimum"),
    ("icon", remove("_assets/icon.svg"), FAILED, "icon.svg"),
    ("icon", edit(P, "icon: icon.svg", "icon: other.svg"), FAILED, "other.svg"),
    ("icon", write("_assets/icon.svg", "X_TEMPLATE_ICON_DO_NOT_USE"), FAILED, "template"),
    ("author", edit(M, "author: someone", "author: Some One"), FAILED, "match"),
    ("author", edit(M, "author: someone", "author: dify-fan"), FAILED, "'dify'"),
    ("author-agrees", edit(T, "author: someone", "author: other"), FAILED, "'other'"),
    ("repo", edit(M, "repo: https://github.com/someone/tiny\n", ""), TO_FILL_IN, "repo"),
    ("repo", edit(M, "github.com/someone", "example.org/someone"), FAILED, "hosting"),
    ("repo", edit("README.md", "https://github.com/someone/tiny", ""), FAILED, "README"),
    ("contact", edit(M, "contact: someone@example.org\n", ""), TO_FILL_IN, "contact"),
    ("contact", edit(M, "someone@example.org", "someone"), FAILED, "e-mail"),
    ("size", write("tools/big.txt", bytes(50 * 1024 * 1024)), FAILED, "50 MB"),
    ("file-count", many_files, FAILED, "5,000"),
    ("needed-files", remove("uv.lock"), FAILED, "uv.lock"),
    ("runtime-files-only", write("notes.txt", "a"), FAILED, "notes.txt"),
    ("forbidden-files", write("tools/.env", "A=1"), FAILED, ".env"),
    ("forbidden-files", write("tools/.env.local", "A=1"), FAILED, ".env.local"),
    ("forbidden-files", write(".venv/pyvenv.cfg", "a"), FAILED, ".venv"),
    ("forbidden-files", write("tools/__pycache__/a.txt", "a"), FAILED, "__pycache__"),
    ("forbidden-files", write("tools/server.pem", "a"), FAILED, "server.pem"),
    ("forbidden-files", write("tools/run.log", "a"), FAILED, "run.log"),
    ("suspect-files", write("tools/data.zip", "a"), WARNING, "data.zip"),
    ("native-binaries", write("tools/data.dat", b"\x7fELF\x02"), FAILED, "ELF"),
    ("dependency-sources", write("requirements.txt", "a @ git+https://x.y/z"), FAILED, "git+"),
    ("dependency-sources", write("requirements.txt", "--index-url https://x.y"), FAILED, "--index"),
    ("dependency-sources", edit("pyproject.toml", '"]', '", "a @ https://x.y/a"]'), FAILED, "a @"),
    ("dependency-bounds", edit("pyproject.toml", '"]', '", "rich"]'), FAILED, "rich"),
    ("dependency-bounds", edit("pyproject.toml", '"]', '", "rich>=13"]'), WARNING, "lower bound"),
    ("dify-plugin-version", edit("pyproject.toml", ">=0.10", ">=0.8"), FAILED, "pyproject"),
    ("dify-plugin-version", write("requirements.txt", "rich==13.0"), FAILED, "requirements"),
    ("lock-sources", edit("uv.lock", "packages.example/simple", "127.0.0.1/x"), FAILED, "127.0"),
    ("lock-sources", edit("uv.lock", 'registry = "https://packages.example/simple"',
                          'git = "https://x.y/z"'), FAILED, "git"),
    ("lock-sources", edit("uv.lock", ', hash = "sha256:00"', ""), FAILED, "hash"),
    ("lock-agrees", edit("uv.lock", '"0.10.2"', '"0.10.3"'), FAILED, "requirements.txt 0.10.2"),
    ("lock-agrees", edit("uv.lock", '"0.10.2"', '"0.12.0"'), FAILED, "pyproject.toml asks"),
    ("python-syntax", write("tools/draw.py", "def"), FAILED, "draw.py:1"),
    ("no-print", write("tools/draw.py", "print(1)"), FAILED, "print()"),
    ("request-timeouts", write("tools/draw.py", "import requests as r\nr.get('x')"), WARNING, ":2"),
    ("request-timeouts", write("tools/draw.py", "from requests import post\npost('x')"), WARNING,
     ":2"),
    ("secrets", write("tools/draw.py", "token = read_it_from(somewhere)"), FAILED, "token"),
    ("secrets", write("tools/a.yaml", "api_key: abcdefghijkl"), FAILED, "api_key"),
    ("secrets", write("tools/a.txt", "-----BEGIN RSA PRIVATE KEY-----"), FAILED, "private key"),
    ("serverless-timeout", edit("main.py", "660", "300"), FAILED, "600"),
    ("serverless-timeout", write("main.py", "LIMIT = 90\nDifyPluginEnv(MAX_REQUEST_TIMEOUT=LIMIT)"),
     FAILED, "600"),
    ("readme-english", write("README.md", "说明"), FAILED, "2 CJK"),
    ("readme-english", remove("README.md"), FAILED, "missing"),
    ("readme-sections", write("README.md", "Hello."), WARNING, "usage"),
    ("readme-links", edit("README.md", "Install", "![a](docs/a.png)"), WARNING, "docs/a.png"),
    ("readme-translations", write("readme/README.zh.md", "a"), FAILED, "README.zh.md"),
    ("readme-translations", write("README_zh_Hans.md", "a"), FAILED, "README_zh_Hans.md"),
    ("privacy", edit(M, "privacy: PRIVACY.md", "privacy: OTHER.md"), FAILED, "PRIVACY.md"),
    ("privacy", write("PRIVACY.md", "Please fill in the privacy policy " * 20), FAILED, "content"),
    ("privacy", write("PRIVACY.md", "Nothing at all. " * 40), WARNING, "third parties"),
    ("network-disclosed", edit("README.md", "base_url", "address"), FAILED, "README.md"),
    ("network-disclosed", edit("PRIVACY.md", "base_url", "address"), FAILED, "PRIVACY.md"),
    ("sdk-entities", edit(P, "tags: [image]", "tags: [agent]"), FAILED, "tags"),
    ("provider", edit(M, "tools: [provider/images.yaml]", "tools: []"), FAILED, "one tool"),
    ("sources-exist", remove("tools/draw.py"), FAILED, "tools/draw.py"),
    ("sources-exist", remove(T), FAILED, T),
    ("identity-names", edit(T, "name: draw", "name: dr.aw"), FAILED, "dr.aw"),
    ("identity-names", edit(T, "name: draw", "name: paint"), FAILED, "'paint'"),
    ("parameters", edit(T, "type: string", "type: dynamic-select"), FAILED, "empty"),
    ("parameters", edit(T, "type: string", "type: select"), FAILED, "options"),
    ("parameters", edit(T, "    llm_description: What to draw.\n", ""), FAILED, "llm_description"),
    ("parameters", edit(T, "    form: llm", "    show_on: []\n    form: llm"), FAILED, "drops"),
    ("translated", edit(T, ", ja_JP: D", ""), FAILED, "ja_JP"),
]  # fmt: skip


def findings_of(package: Package, name: str) -> list[tuple[Status, str]]:
    rule = RULES[name]
    return [(found.status, found.message) for found in rule.check(package)]


@pytest.mark.parametrize(
    ("name", "breaks", "status", "words"), CASES, ids=[f"{n}-{w}" for n, _, _, w in CASES]
)
def test_the_rule_catches_it(
    plugin: Path,
    as_package: Callable[[], Package],
    name: str,
    breaks: Break,
    status: Status,
    words: str,
) -> None:
    breaks(plugin)
    findings = findings_of(as_package(), name)
    assert any(found == status and words in text for found, text in findings), findings


def test_a_right_package_passes_every_rule(as_package: Callable[[], Package]) -> None:
    said = {rule.name: findings for rule, findings in run_rules(as_package())}
    assert said == {name: [] for name in RULES}


def test_every_rule_has_a_case() -> None:
    assert {name for name, *_ in CASES} == set(RULES)


def test_every_rule_names_its_source() -> None:
    assert RULES
    for rule in RULES.values():
        assert rule.source.startswith(("daemon: ", "marketplace: ", "SDK: ", "project: ")), (
            rule.name
        )
        assert rule.check.__doc__, rule.name


def test_a_rule_that_breaks_has_failed(plugin: Path, as_package: Callable[[], Package]) -> None:
    (plugin / "pyproject.toml").write_text("[[[", encoding="utf-8")
    said = {rule.name: findings for rule, findings in run_rules(as_package())}
    assert said["lock-agrees"][0].status == Status.FAILED
    assert "could not be checked" in said["lock-agrees"][0].message
    assert said["icon"] == []
