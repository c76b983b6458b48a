"""What all tools of the plugin share: their client, their checked parameters, their dropdowns.

Nothing of ours is imported before it is needed, here and in the tools: Dify waits for the plugin's
first line at every start, and imports would make up a twentieth of that.
"""

from typing import TYPE_CHECKING, Any

from dify_plugin import Tool
from dify_plugin.entities import ParameterOption

if TYPE_CHECKING:
    from sdwebui.client import Client
    from sdwebui.parameters import Parameters


class WebUITool(Tool):
    """A tool that works on one WebUI.

    Tool modules import this module, not the class: Dify's loader takes every Tool subclass that it
    finds in a tool's module for the tool.
    """

    @property
    def client(self) -> "Client":
        """A client whose time runs from here."""
        from bridge.credentials import client_for

        return client_for(self.runtime.credentials)

    def _fetch_parameter_options(self, parameter: str) -> list[ParameterOption]:
        from bridge.dropdowns import options_for

        return options_for(self.runtime.credentials, parameter)


def read[Asked: "Parameters"](kind: type[Asked], given: dict[str, Any], client: "Client") -> Asked:
    """The tool's parameters, checked; files are to be read within the client's time limit.

    Raises:
        InvalidInput: Naming each wrong one.
    """
    from bridge.files import with_files

    return kind.read(with_files(given, client.deadline))
