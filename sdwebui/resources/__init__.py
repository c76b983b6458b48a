"""What a server offers: its lists, read, cached and searched by name."""
