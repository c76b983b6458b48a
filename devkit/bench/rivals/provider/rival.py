"""Takes any credentials."""

from typing import Any

from dify_plugin import ToolProvider


class RivalProvider(ToolProvider):
    """A provider that checks nothing."""

    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        del credentials
