"""Many invocations at once: all right, none starved, memory within bounds."""

import io
import itertools
import threading
import time
from collections.abc import Callable

from PIL import Image

from devkit.host import PluginHost
from devkit.simulator import Simulator
from tests.conftest import PLUGIN, PYTHON
from tests.e2e.conftest import PROVIDER, credentials

AT_ONCE = 64
PNG_BYTES = 1_500_000
LONGEST_SILENCE = 15.0
"""Seconds between two heartbeats; Dify's daemon kills a plugin that is silent for 120."""


class Peak(threading.Thread):
    """Samples the plugin's resident memory."""

    def __init__(self, plugin: PluginHost) -> None:
        super().__init__(daemon=True)
        self._process = plugin.process
        self._done = threading.Event()
        self.start_bytes = self.highest = self._process.memory_info().rss

    def run(self) -> None:
        while not self._done.wait(0.01):
            self.highest = max(self.highest, self._process.memory_info().rss)

    def grown(self) -> int:
        self._done.set()
        self.join()
        return self.highest - self.start_bytes


def test_sixty_four_calls_at_once(simulators: Callable[[str], Simulator]) -> None:
    sim = simulators("a1111")
    sim.configure(cache_answers=True, png_bytes=PNG_BYTES)
    # The simulator's memory answers with the seed of its first image.
    requested = {"prompt": "a cat", "size": "1024x1024", "steps": 1, "seed": 7}
    with PluginHost(PLUGIN, python=PYTHON, env={"HEARTBEAT_INTERVAL": "1"}) as plugin:
        access = credentials(sim)
        size = plugin.invoke(PROVIDER, "sd_txt2img", access, requested).files[0].size
        assert size > PNG_BYTES * 0.8
        peak = Peak(plugin)
        peak.start()
        began = time.monotonic()
        calls = [plugin.start(PROVIDER, "sd_txt2img", access, requested) for _ in range(AT_ONCE)]
        results = [call.wait(120) for call in calls]
        ended = time.monotonic()
        grown = peak.grown()
        beats = [began, *(beat for beat in plugin.heartbeats if began < beat < ended), ended]
        assert plugin.violations == []
    for result in results:
        (file,) = result.files
        assert Image.open(io.BytesIO(file.data)).size == (1024, 1024)
        assert result.variables["warnings"] == []
    gaps = [later - sooner for sooner, later in itertools.pairwise(beats)]
    assert max(gaps) < LONGEST_SILENCE
    assert grown < AT_ONCE * size + 50 * 2**20


def test_a_long_conversion_leaves_the_others_alive(
    simulators: Callable[[str], Simulator],
) -> None:
    """A large WebP takes seconds to encode; heartbeats and small calls go on meanwhile."""
    sim = simulators("a1111")
    small = {"prompt": "a", "size": "64x64", "steps": 1}
    large = {"prompt": "a", "size": "3072x3072", "steps": 1, "output_format": "webp"}
    with PluginHost(PLUGIN, python=PYTHON) as plugin:
        access = credentials(sim)
        plugin.invoke(PROVIDER, "sd_txt2img", access, small)
        sim.configure(cache_answers=True, png_bytes=PNG_BYTES)
        plugin.invoke(PROVIDER, "sd_txt2img", access, {**large, "output_format": "original"})
        slow = plugin.start(PROVIDER, "sd_txt2img", access, large)
        done_meanwhile = 0
        while not slow.over:
            plugin.invoke(PROVIDER, "sd_list_resources", access, {"kind": "samplers"})
            done_meanwhile += 1
        assert slow.wait(60).files[0].mime_type == "image/webp"
    assert done_meanwhile > 5
