"""The tool sd_list_resources: the names that the server lists."""

from collections.abc import Iterator
from typing import Any

from dify_plugin.entities.tool import ToolInvokeMessage

from bridge import tools

AGENT_CHARACTERS = 1500
"""Of the text for an agent's model, which reads every character."""


class ListResourcesTool(tools.WebUITool):
    """The tool sd_list_resources."""

    def work(self, given: dict[str, Any]) -> Iterator[ToolInvokeMessage]:
        """List checkpoints, LoRAs, samplers and other resources."""
        from bridge.callers import Kind
        from sdwebui.listing import as_facts, in_words, list_resources
        from sdwebui.parameters import ListResources

        listing = list_resources(self.call, self.read(ListResources, given))
        # Agents get a shortened list, since their model reads every character.
        most = None if self.caller.kind is Kind.NODE else AGENT_CHARACTERS
        names = [row.name for row in listing.rows]
        variables = {"names": names, "total": listing.total}
        return self.answer(in_words(listing, most), as_facts(listing), variables)
