"""Writes the smallest plugin around a single tool's module."""

from __future__ import annotations

import shutil
from pathlib import Path

RIVALS = Path(__file__).with_name("rivals")
PROVIDER = "rival"

MAIN = """\
from dify_plugin import DifyPluginEnv, Plugin

plugin = Plugin(DifyPluginEnv(MAX_REQUEST_TIMEOUT=620))

if __name__ == "__main__":
    plugin.run()
"""

PROVIDER_CODE = """\
from dify_plugin import ToolProvider


class RivalProvider(ToolProvider):
    def _validate_credentials(self, credentials):
        pass
"""

MANIFEST = """\
version: 0.0.1
type: plugin
author: bench
name: rival
label: {en_US: Rival}
description: {en_US: Rival}
icon: icon.svg
created_at: 2026-11-23T00:00:00Z
resource: {memory: 268435456, permission: {tool: {enabled: true}}}
plugins: {tools: [provider/rival.yaml]}
meta:
  version: 0.0.1
  arch: [amd64, arm64]
  runner: {language: python, version: "3.12", entrypoint: main}
"""

PROVIDER_FORM = """\
identity: {author: bench, name: rival, label: {en_US: Rival}, description: {en_US: Rival}, icon: icon.svg}
tools: [tools/TOOL.yaml]
extra: {python: {source: provider/rival.py}}
"""  # noqa: E501  one line is enough for what nobody sees

TOOL_FORM = """\
identity: {author: bench, name: TOOL, label: {en_US: Rival}}
description: {human: {en_US: Rival}, llm: Rival}
extra: {python: {source: tools/TOOL.py}}
"""


def write_rival(tool: str, folder: Path) -> Path:
    """Make a plugin of ``devkit/bench/rivals/<tool>.py`` in an empty folder.

    Its provider is called "rival", its tool as the module.
    """
    files = {
        "main.py": MAIN,
        "manifest.yaml": MANIFEST,
        "provider/rival.py": PROVIDER_CODE,
        "provider/rival.yaml": PROVIDER_FORM.replace("TOOL", tool),
        f"tools/{tool}.yaml": TOOL_FORM.replace("TOOL", tool),
        "_assets/icon.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>',
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copy(RIVALS / f"{tool}.py", folder / "tools" / f"{tool}.py")
    return folder
