"""HTTP to one WebUI: its address, connections, time limits, and the errors for failures."""
