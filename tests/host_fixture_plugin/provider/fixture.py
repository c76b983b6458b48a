"""Takes one word as a credential."""

from typing import Any

from dify_plugin import ToolProvider
from dify_plugin.errors.tool import ToolProviderCredentialValidationError


class FixtureProvider(ToolProvider):
    """Knows one good word."""

    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        if credentials.get("word") != "please":
            raise ToolProviderCredentialValidationError("say please")
