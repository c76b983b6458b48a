"""What users and models see of a tool's result, by caller, as in Dify 1.13.0 and 1.16.

All files that a tool sends are taken to be images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from devkit.files import FileServer, StoredFile
from devkit.host import Agent, Caller, ToolFile, ToolResult

IMAGE_SENTENCE = (
    "image has been created and sent to user already, "
    "you do not need to create it, just tell the user to check it now."
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a user and a model get of an invocation."""

    model_text: str = ""  # what an agent's model reads
    shown: tuple[ToolFile, ...] = ()  # the images that Dify stores and shows
    outputs: Mapping[str, Any] = field(default_factory=dict)  # a node's output variables


def seen_by(caller: Caller, result: ToolResult) -> Seen:
    """Return what a caller makes of a result: output variables, or a text for the model.

    Raises:
        ValueError: A model would read what none should: JSON, a variable, the bytes of a file.
    """
    if isinstance(caller, Agent):
        return Seen(model_text=_model_text(caller, result), shown=result.files)
    outputs = {
        "text": result.text,
        "files": list(result.files),
        "json": list(result.jsons) or [{"data": []}],
        **result.variables,
    }
    return Seen(shown=result.files, outputs=outputs)


def _model_text(agent: Agent, result: ToolResult) -> str:
    """Return the parts of the text with nothing between them.

    Dify repeats it two or three times for a classic agent's model; here it stands once.
    """
    parts = []
    for message in result.raw_messages:
        match message["type"]:
            case "text":
                parts.append(message["message"]["text"])
            case "blob_chunk" if not agent.takes_files:
                parts.append(IMAGE_SENTENCE)
            case kind:
                raise ValueError(f"The model of {type(agent).__name__} would read a {kind}.")
    return "".join(parts)


def shown_in(answer: str, files: FileServer) -> list[StoredFile]:
    """Return the uploads that a user sees in a new agent's answer: its Markdown images.

    Dify signs their addresses anew, so that they are shown however old they are.
    """
    uploaded = {file.path: file for file in files.uploaded}
    paths = [urlsplit(url).path for url in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", answer)]
    return [uploaded[path] for path in paths if path in uploaded]
