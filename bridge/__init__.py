"""The connection of Dify and the WebUI client: credentials, files, errors, callers, messages."""
