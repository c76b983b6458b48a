"""Documents say what is so: names that exist, "image" throughout, lines that Dify can show."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LANGUAGES = {
    "README.md": "en_US", "readme/README_zh_Hans.md": "zh_Hans",
    "readme/README_ja_JP.md": "ja_JP", "readme/README_pt_BR.md": "pt_BR",
}  # fmt: skip
# Whose names are those of the newest tools. The changelog names what has gone, too.
NAMING = (
    *LANGUAGES, "PRIVACY.md", "docs/dify.md", "docs/scaling.md", "deploy/README.md",
    "examples/README.md",
)  # fmt: skip
OURS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "readme/*.md", "docs/*.md", "deploy/*", "examples/*", ".github/**/*")
    for path in ROOT.glob(pattern)
    if path.suffix in (".md", ".yml", ".yaml")
)

# Names in documents that are Dify's, a WebUI's, or examples of what people write.
ELSEWHERE = {
    "docker", "examples", "last", "llm", "localhost", "lora", "make", "plugin_daemon", "readme",
    "sdwebui", "sdxl_vae", "dependencies",
    # Outputs and handles of nodes, and what an error branch holds.
    "files", "text", "json", "error_message", "error_type", "first_record", "message",
    # nginx.
    "auth_request", "fail_timeout", "least_conn", "listen", "max_fails", "resolve", "upstream",
    "proxy_ignore_client_abort", "worker_connections", "zone",
}  # fmt: skip


@cache
def tools() -> dict[str, dict[str, Any]]:
    forms = [yaml.safe_load(path.read_text("utf-8")) for path in ROOT.glob("tools/*.yaml")]
    return {form["identity"]["name"]: form for form in forms}


@cache
def credentials() -> tuple[str, ...]:
    provider = yaml.safe_load((ROOT / "provider/stable_diffusion.yaml").read_text("utf-8"))
    return tuple(provider["credentials_for_provider"])


def parameters(tool: str) -> set[str]:
    return {one["name"] for one in tools()[tool]["parameters"]}


def prose(document: str) -> str:
    """Return a document without its fenced code."""
    return re.sub(r"```.*?```", "", (ROOT / document).read_text("utf-8"), flags=re.DOTALL)


def names(text: str) -> set[str]:
    """Return what stands there as code and looks like a name."""
    return set(re.findall(r"`([a-z][a-z0-9_]*)`", text))


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and "| ---" not in line
    ]


@pytest.mark.parametrize("document", NAMING)
def test_every_name_exists(document: str) -> None:
    known = {*tools(), *credentials(), *ELSEWHERE}
    for tool, form in tools().items():
        known |= parameters(tool) | set(form["output_schema"]["properties"])
    text = (ROOT / document).read_text("utf-8")
    assert names(text) - known == set()
    assert set(re.findall(r"\bsd_[a-z0-9_]+", text)) - {*tools(), "sd_xl_refiner"} == set()


@pytest.mark.parametrize("document", LANGUAGES)
def test_each_tool_has_its_row_and_its_own_parameters(document: str) -> None:
    found = {row[1].strip("`"): row for row in rows(prose(document)) if row[1].startswith("`sd_")}
    assert found.keys() == tools().keys()
    for tool, row in found.items():
        assert row[0] == tools()[tool]["identity"]["label"][LANGUAGES[document]]
        assert names(row[2]) - parameters(tool) == set()


@pytest.mark.parametrize("document", LANGUAGES)
def test_each_credential_is_told_once_in_its_order(document: str) -> None:
    first = [names(row[0].split("(")[0].split("（")[0]) for row in rows(prose(document))]
    told = [name for name in first if name and name <= set(credentials())]
    assert [sorted(one) for one in told] == [
        ["base_url"], ["model"], ["negative_prompt", "prompt_prefix"], ["api_auth"], ["timeout"],
        ["headers"], ["tls_verify"], ["ca_certificate"],
    ]  # fmt: skip
    assert set().union(*told) == set(credentials())


@pytest.mark.parametrize("document", LANGUAGES)
def test_what_is_called_a_setting_is_one(document: str) -> None:
    settings = {
        one["name"]
        for form in tools().values()
        for one in form["parameters"]
        if one["form"] == "form"
    }
    told = {
        name
        for row in rows(prose(document))
        if len(row) == 2
        for name in names(row[0].split("(")[0].split("（")[0])
        if name not in credentials()
    }
    assert told == {
        "size", "sampler", "hires_fix", "lora", "vae", "face_detailer", "more_settings",
    }  # fmt: skip
    assert told <= settings


def test_the_tools_that_take_an_image_id_are_named() -> None:
    able = {tool for tool in tools() if "image_id" in parameters(tool)}
    (line,) = [one for one in prose("docs/dify.md").splitlines() if one.startswith("- **Image ids")]
    assert {name for name in names(line) if name.startswith("sd_")} == able


@pytest.mark.parametrize("document", LANGUAGES)
def test_the_readme_panel_shows_it_as_it_is(document: str) -> None:
    text = prose(document)
    # Dify's panel shows no image and follows no link to another file.
    assert not re.search(r"!\[|<img", text)
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link] == []


@pytest.mark.parametrize(
    "document", [*LANGUAGES, "PRIVACY.md", "docs/dify.md", "examples/README.md"]
)
def test_a_paragraph_is_one_line(document: str) -> None:
    assert [
        line
        for above, line in pairwise(prose(document).splitlines())
        if above.strip() and not above.startswith("#")
        if not re.match(r"\s*$|[|#]|\s*[-*] |\d+\. ", line)
    ] == []


@pytest.mark.parametrize("document", OURS)
def test_what_the_gpu_makes_is_an_image(document: str) -> None:
    # Names of errors and tests may hold the word; the page of messages has errors as headings.
    text = re.sub(r"`[^`\n]*`|^## \w+$", "", (ROOT / document).read_text("utf-8"), flags=re.M)
    assert [line for line in text.splitlines() if "picture" in line.lower()] == []


@pytest.mark.parametrize("document", ["README.md", "docs/dify.md", "CONTRIBUTING.md"])
def test_every_file_and_command_that_is_named_exists(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    paths = re.findall(r"`((?:docs|examples|readme|devkit|tests|sdwebui)/[\w./]+\.\w+)`", text)
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
    assert targets - set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)) == set()
    variables = set(re.findall(r"make [^`\n]*?\b([A-Z_]+)=", text))
    assert variables - set(re.findall(r"^([A-Z_]+) \?=", makefile, re.MULTILINE)) == set()


def test_privacy_and_readme_say_what_is_kept() -> None:
    from bridge.image_store import MOST_BYTES, SECONDS

    assert (MOST_BYTES >> 20, SECONDS / 3600) == (256, 2)
    for document in ("PRIVACY.md", *LANGUAGES):
        text = prose(document)
        assert "256 MB" in text
        assert re.search(r"two hours|两小时|2 時間|duas horas", text)
