"""From a server's response to images and a report of what was done."""
