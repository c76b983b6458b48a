"""One tool that does whatever the protocol's tests need."""

import json
import os
import sys
import time
from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities import I18nObject, ParameterOption
from dify_plugin.entities.tool import ToolInvokeMessage


class ActTool(Tool):
    """Does the steps of its script one after another."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        for verb, *words in json.loads(tool_parameters["script"]):
            match verb:
                case "text":
                    yield self.create_text_message(words[0])
                case "json":
                    yield self.create_json_message(words[0])
                case "variable":
                    yield self.create_variable_message(*words)
                case "blob":
                    size, filename, mime_type = words
                    meta = {"mime_type": mime_type, "filename": filename}
                    data = b"".join(number.to_bytes(4) for number in range(size // 4))
                    yield self.create_blob_message(data, meta)
                case "log":
                    yield self.create_log_message(words[0], {})
                case "sleep":
                    time.sleep(words[0])
                case "raise":
                    raise ValueError(words[0])
                case "print":
                    # What a forgotten print() does to the protocol.
                    sys.stdout.write(f"{words[0]}\n")
                    sys.stdout.flush()
                case "warn":
                    sys.stderr.write(f"{words[0]}\n")
                    sys.stderr.flush()
                case "exit":
                    os._exit(words[0])

    def _fetch_parameter_options(self, parameter: str) -> list[ParameterOption]:
        return [
            ParameterOption(value=f"{parameter}-{number}", label=I18nObject(en_US=f"No. {number}"))
            for number in (1, 2)
        ]
