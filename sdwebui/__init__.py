"""Client of the Stable Diffusion WebUI HTTP API; knows nothing of Dify and is usable alone."""
