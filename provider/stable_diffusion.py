"""The provider: checks the credentials of a Stable Diffusion WebUI."""

from typing import Any

from dify_plugin import ToolProvider
from dify_plugin.errors.tool import ToolProviderCredentialValidationError


class StableDiffusionProvider(ToolProvider):
    """A WebUI at a base URL, with a default model."""

    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        """Ask the server for its models and look for the default one among them.

        Raises:
            ToolProviderCredentialValidationError: What is wrong and what to do.
        """
        from bridge.credentials import CHECK_SECONDS, client_for
        from sdwebui.errors import WebUIError

        try:
            client = client_for(credentials, seconds=CHECK_SECONDS)
            client.check()
        except WebUIError as error:
            raise ToolProviderCredentialValidationError(str(error)) from None
