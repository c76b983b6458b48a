"""A tiny plugin that keeps every rule, for the tests to break in one place at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devkit.packaging.contents import Package

LANGUAGES = "{en_US: A, zh_Hans: B, pt_BR: C, ja_JP: D}"

FILES = {
    "manifest.yaml": f"""
version: "0.1.0"
type: plugin
author: someone
name: tiny
repo: https://github.com/someone/tiny
contact: someone@example.org
label: {LANGUAGES}
description: {LANGUAGES}
icon: icon.svg
created_at: 2025-01-31T12:00:00Z
privacy: PRIVACY.md
tags: [image]
resource:
  memory: 1048576
plugins:
  tools: [provider/images.yaml]
meta:
  version: 0.0.1
  minimum_dify_version: 1.7.0
  arch: [amd64, arm64]
  runner: {{language: python, version: "3.12", entrypoint: main}}
""",
    "main.py": "ENV = DifyPluginEnv(MAX_REQUEST_TIMEOUT=660)\n",
    "provider/images.yaml": f"""
identity:
  author: someone
  name: images
  label: {LANGUAGES}
  description: {LANGUAGES}
  icon: icon.svg
  tags: [image]
credentials_for_provider:
  base_url: {{type: text-input, required: true, label: {LANGUAGES}}}
tools: [tools/draw.yaml]
extra: {{python: {{source: provider/images.py}}}}
""",
    "provider/images.py": "",
    "tools/draw.yaml": f"""
identity:
  author: someone
  name: draw
  label: {LANGUAGES}
description:
  human: {LANGUAGES}
  llm: Draws.
parameters:
  - name: prompt
    type: string
    form: llm
    required: true
    label: {LANGUAGES}
    human_description: {LANGUAGES}
    llm_description: What to draw.
extra: {{python: {{source: tools/draw.py}}}}
""",
    "tools/draw.py": "import requests\nrequests.get('x', timeout=3)\n",
    "_assets/icon.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "README.md": "Install it, give the credential base_url, use it in a workflow. It connects to "
    "that address and sends requests there. Source: https://github.com/someone/tiny",
    "PRIVACY.md": "Prompts are sent to the address in base_url, which the user chooses. " * 6
    + "Nothing is collected, stored, logged or given to third parties.",
    "CHANGELOG.md": "# Changelog\n\n## [0.1.0] - 2025-01-31\n",
    "LICENSE": "MIT",
    "pyproject.toml": """
[project]
name = "tiny"
version = "0.1.0"
requires-python = ">=3.12"
dependencies = ["dify_plugin>=0.10,<0.11"]
""",
    "requirements.txt": "dify-plugin==0.10.2\n",
    "uv.lock": """
version = 1

[[package]]
name = "dify-plugin"
version = "0.10.2"
source = { registry = "https://packages.example/simple" }
wheels = [{ url = "https://packages.example/dify_plugin.whl", hash = "sha256:00" }]

[[package]]
name = "tiny"
version = "0.1.0"
source = { virtual = "." }
""",
    ".difyignore": ".git\n.difyignore\n",
}


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """The folder of a plugin that keeps every rule."""
    root = tmp_path / "plugin"
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


@pytest.fixture
def as_package(plugin: Path) -> Callable[[], Package]:
    """The plugin's folder as the rules see it, read anew with each call."""

    def read() -> Package:
        (plugin / ".difyignore").unlink(missing_ok=True)
        return Package(plugin)

    return read
