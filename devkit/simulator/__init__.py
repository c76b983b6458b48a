"""Plays Stable Diffusion WebUI servers on 127.0.0.1, as recordings of real ones show them."""

from devkit.simulator.handle import Simulator

__all__ = ["Simulator"]
