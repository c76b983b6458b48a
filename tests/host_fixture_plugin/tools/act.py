"""One tool that does whatever the protocol's tests need."""

import json
import os
import sys
import time
from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage
from dify_plugin.errors import model, tool


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
                case "session":
                    ids = ("app_id", "conversation_id", "message_id")
                    session = {name: getattr(self.session, name) for name in ids}
                    yield self.create_json_message({**session, "user_id": self.runtime.user_id})
                case "upload":
                    filename, content, mime_type = words
                    file = self.session.file.upload(filename, content.encode(), mime_type)
                    yield self.create_json_message(file.model_dump(mode="json"))
                case "store":
                    self.session.storage.set("key", b"value")
                case "raise" if len(words) == 2:
                    where = model if hasattr(model, words[0]) else tool
                    raise getattr(where, words[0])(words[1])
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
