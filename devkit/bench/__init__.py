"""``make bench``: what the plugin costs, against a floor and against a naive tool."""
