"""A tiny plugin that keeps every rule, for the tests to break in one place at a time."""

from pathlib import Path

import pytest

FILES = {
    "manifest.yaml": """
version: "0.1.0"
author: someone
name: tiny
repo: https://git.example/tiny
contact: someone@example.org
icon: icon.svg
icon_dark: icon_dark.svg
privacy: PRIVACY.md
plugins: {tools: [provider/images.yaml]}
""",
    "main.py": "",
    "provider/images.yaml": """
identity: {author: someone, name: images, icon: icon.svg}
credentials_for_provider: {base_url: {type: text-input}, model: {type: text-input}}
tools: [tools/draw.yaml]
extra: {python: {source: provider/images.py}}
""",
    "provider/images.py": "",
    "tools/draw.yaml": """
identity: {author: someone, name: draw}
extra: {python: {source: tools/draw.py}}
""",
    "tools/draw.py": "",
    "_assets/icon.svg": "<svg/>",
    "_assets/icon_dark.svg": "<svg/>",
    "README.md": "It sends requests to the address in `base_url`.\n",
    "PRIVACY.md": "Prompts are sent to the address in `base_url`.",
    "CHANGELOG.md": "# Changelog\n\n## [0.1.0] - 2025-01-31\n",
    "LICENSE": "MIT",
    "pyproject.toml": '[project]\nname = "tiny"\nversion = "0.1.0"\n',
    "requirements.txt": "dify-plugin==0.10.2 \\\n    --hash=sha256:00\n",
    "uv.lock": """
[[package]]
name = "dify-plugin"
version = "0.10.2"
source.registry = "https://pip.example/simple"
wheels = [{ hash = "sha256:00" }]
[[package]]
name = "tiny"
version = "0.1.0"
source.virtual = "."
""",
    ".difyignore": ".git\n.difyignore\n",
}


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    root = tmp_path / "plugin"
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root
