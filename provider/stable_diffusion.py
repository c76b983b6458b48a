"""The provider, which checks the credentials of a Stable Diffusion WebUI."""

from typing import Any

from dify_plugin import ToolProvider


class StableDiffusionProvider(ToolProvider):
    """A WebUI at a base URL, with a default model."""

    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        """Check that the server lists its models, and the default model among them.

        Raises:
            CredentialsValidateFailedError: They are wrong; the message says what to do.
        """
        from bridge import errors
        from bridge.credentials import CHECK_SECONDS, call_for
        from sdwebui.client import check

        with errors.of_the_provider():
            check(call_for(credentials, seconds=CHECK_SECONDS))
