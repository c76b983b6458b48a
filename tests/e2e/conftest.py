"""The plugin as a process over its protocol, and simulated WebUIs over real HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devkit.files import FileServer
from devkit.host import PluginHost, ToolResult
from devkit.simulator import Simulator

PROVIDER = "stable_diffusion"


@pytest.fixture(scope="session")
def simulators() -> Iterator[Callable[[str], Simulator]]:
    """One simulator a family, started when it is first needed."""
    running: dict[str, Simulator] = {}

    def get(family: str) -> Simulator:
        if family not in running:
            running[family] = Simulator(family=family, extensions=["controlnet", "adetailer"])
        running[family].reset()
        return running[family]

    yield get
    for one in running.values():
        one.close()


@pytest.fixture
def sim(simulators: Callable[[str], Simulator]) -> Simulator:
    """AUTOMATIC1111."""
    return simulators("a1111")


_calls = iter(range(1_000_000))


def credentials(sim: Simulator, **more: Any) -> dict[str, Any]:
    """Credentials for a simulator; a header of its own keeps each test's caches apart."""
    given = {
        "base_url": sim.url,
        "timeout": "60",
        "headers": f"X-Test: call-{next(_calls)}",
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


@pytest.fixture
def files(plugin: PluginHost) -> FileServer:
    """Serves images as Dify does."""
    return plugin.files


@pytest.fixture
def invoke(plugin: PluginHost) -> Callable[..., ToolResult]:
    """Invoke a tool: ``invoke(sim, "sd_txt2img", {"prompt": …}, model=…)``."""

    def call(sim: Simulator, tool: str, parameters: dict[str, Any], **more: Any) -> ToolResult:
        return plugin.invoke(PROVIDER, tool, credentials(sim, **more), parameters)

    return call


def names(plugin: PluginHost, access: dict[str, Any], kind: str) -> list[str]:
    """What the server of these credentials offers of a kind, as a user finds it out."""
    requested = {"kind": kind}
    listed: list[str] = plugin.invoke(PROVIDER, "sd_list_resources", access, requested).variables[
        "names"
    ]
    return listed


def generations(sim: Simulator) -> list[dict[str, Any]]:
    """The generation requests that the simulator got."""
    return [
        one
        for one in sim.journal()
        if one["method"] == "POST" and one["path"].endswith(("/txt2img", "/img2img"))
    ]
