"""The provider: checks the credentials of a Stable Diffusion WebUI."""

from typing import Any

from dify_plugin import ToolProvider


class StableDiffusionProvider(ToolProvider):
    """A WebUI at a base URL, with a default model."""

    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        """Ask the server for its models and look for the default one among them.

        Raises:
            CredentialsValidateFailedError: What is wrong and what to do.
        """
        from bridge import errors
        from bridge.credentials import CHECK_SECONDS, call_for
        from sdwebui.client import check

        with errors.of_the_provider():
            check(call_for(credentials, seconds=CHECK_SECONDS))
