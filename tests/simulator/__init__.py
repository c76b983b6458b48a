"""Tests of the simulated WebUI servers."""
