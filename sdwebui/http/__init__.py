"""HTTP to one WebUI: its address, connections, time limits, and what a failure means."""
