"""Client of the Stable Diffusion WebUI HTTP API; imports nothing of Dify and is usable alone."""
