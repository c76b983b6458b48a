"""Between Dify and the WebUI client: credentials, files, dropdowns, messages."""
