"""Images and reports of what was done, read from a server's responses."""
