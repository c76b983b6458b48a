"""``python -m devkit.simulator``: where it listens and what it prints."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from devkit.demo.__main__ import ROOT
from devkit.simulator.__main__ import words_for_dify


@contextmanager
def started(*arguments: str) -> Iterator[tuple[str, str]]:
    """Start it; yields the two lines that it prints."""
    command = [sys.executable, "-m", "devkit.simulator", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline()), process.stdout.readline().strip()
        process.terminate()


def test_it_listens_on_this_machine_only_unless_asked() -> None:
    with started() as (url, words):
        assert url.startswith("http://127.0.0.1:")
        assert requests.get(f"{url}/sdapi/v1/samplers", timeout=5).ok
    assert words.endswith("or make simulator HOST=0.0.0.0.")


def test_it_serves_a_dify_elsewhere_and_says_by_which_address() -> None:
    with started("--host", "0.0.0.0") as (url, words):
        assert url.startswith("http://127.0.0.1:")
        found = re.match(r"WebUI address for Dify: (http://\S+) ", words)
        assert found
        port = url.rpartition(":")[2]
        assert found[1].endswith(f":{port}")
        assert f"http://host.docker.internal:{port}" in words
        for address in (url, found[1]):
            assert requests.get(f"{address}/sdapi/v1/samplers", timeout=5).ok


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_addresses_are_nothing_for_a_container(host: str) -> None:
    assert "containers do not" in words_for_dify(host, 7860)


def test_a_given_address_is_the_one_for_dify() -> None:
    words = words_for_dify("198.51.100.7", 7860)
    assert words.startswith("WebUI address for Dify: http://198.51.100.7:7860 ")
