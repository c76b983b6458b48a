"""What all tools of the plugin share: their client, their checked parameters, their dropdowns."""

from typing import Any

from dify_plugin import Tool
from dify_plugin.entities import ParameterOption

from bridge.credentials import client_for
from bridge.dropdowns import options_for
from bridge.files import with_files
from sdwebui.client import Client
from sdwebui.parameters import Parameters


class WebUITool(Tool):
    """A tool that works on one WebUI.

    Tool modules import this module, not the class: Dify's loader takes every Tool subclass that it
    finds in a tool's module for the tool.
    """

    @property
    def client(self) -> Client:
        """A client whose time runs from here."""
        return client_for(self.runtime.credentials)

    def _fetch_parameter_options(self, parameter: str) -> list[ParameterOption]:
        return options_for(self.runtime.credentials, parameter)


def read[Asked: Parameters](kind: type[Asked], given: dict[str, Any]) -> Asked:
    """The tool's parameters, checked.

    Raises:
        InvalidInput: Naming each wrong one.
    """
    return kind.read(with_files(given))
