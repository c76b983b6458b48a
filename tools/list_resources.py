"""The tool list_resources: what the server offers."""

from collections.abc import Generator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools


class ListResourcesTool(tools.WebUITool):
    """Lists checkpoints, LoRAs, samplers and all that has a name."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        from dataclasses import asdict

        from sdwebui.listing import in_words, list_resources
        from sdwebui.parameters import ListResources

        client = self.client
        listing = list_resources(client, tools.read(ListResources, tool_parameters, client))
        yield self.create_text_message("\n".join(in_words(listing)))
        yield self.create_json_message(
            {
                "resources": [asdict(row) for row in listing.rows],
                "total": listing.total,
                "not_listed": list(listing.missing),
            }
        )
        yield self.create_variable_message("names", [row.name for row in listing.rows])
        yield self.create_variable_message("total", listing.total)
