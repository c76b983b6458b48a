"""Tests of the packaging kit."""
