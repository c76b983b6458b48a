"""The deadline holds, one's own job is stopped and nobody else's; models do not get mixed up."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from bridge.servers import DIFY, MOST_SECONDS
from devkit.host import PluginError, PluginHost, ToolResult
from devkit.simulator import Simulator
from tests.e2e.conftest import PROVIDER, credentials, generations, names

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]
SMALL = {"prompt": "a cat", "size": "64x64"}
REQUEST = {"prompt": "somebody else's", "width": 64, "height": 64}


def interrupts(sim: Simulator) -> int:
    return sum(one["path"].endswith("/interrupt") for one in sim.journal())


def late(invoke: Invoke, sim: Simulator, **parameters: Any) -> tuple[str, float]:
    """The message of a call that takes too long, and by how much it overran its 2 seconds."""
    started = time.monotonic()
    with pytest.raises(PluginError) as caught:
        invoke(sim, "sd_txt2img", {**SMALL, **parameters}, timeout="2")
    assert caught.value.error_type == "InvokeConnectionError"
    return caught.value.message, time.monotonic() - started - 2


@pytest.mark.parametrize("family", ["a1111", "forge"])
def test_ones_own_running_job_is_stopped(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    sim = simulators(family)
    sim.configure(step_seconds=0.5)
    message, overrun = late(invoke, sim, steps=20)
    assert "The time limit of 2 seconds (the timeout credential) passed during txt2img." in message
    assert "The job was running at " in message
    assert "and was interrupted." in message
    assert overrun < 1
    assert interrupts(sim) == 1
    time.sleep(0.7)
    assert [job["state"] for job in sim.jobs()] == ["interrupted"]


@pytest.mark.parametrize("family", ["a1111", "forge"])
def test_a_queued_job_is_told_and_the_running_one_left_alone(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    sim = simulators(family)
    sim.configure(step_seconds=0.25)
    url = f"{sim.url}/sdapi/v1/txt2img"
    foreign = {**REQUEST, "steps": 12, "seed": 1}
    other = threading.Thread(target=requests.post, args=(url,), kwargs={"json": foreign})
    other.start()
    time.sleep(0.2)
    message, overrun = late(invoke, sim, steps=1)
    assert "still waiting in the server's queue behind 1 other" in message
    assert "will run later" in message
    assert overrun < 1
    other.join()
    assert interrupts(sim) == 0
    assert sim.jobs()[0]["state"] == "done"


@pytest.mark.parametrize("family", ["a1111-1.6", "sdnext", "sdcpp", "koboldcpp"])
def test_a_server_that_cannot_tell_is_left_alone(
    invoke: Invoke, simulators: Simulators, family: str
) -> None:
    sim = simulators(family)
    sim.configure(step_seconds=0.25)
    message, overrun = late(invoke, sim, steps=16)
    assert "cannot tell where the job stands, so it was left alone" in message
    assert overrun < 1
    assert interrupts(sim) == 0


def test_images_that_are_done_are_not_lost_at_the_deadline(
    invoke: Invoke, simulators: Simulators
) -> None:
    sim = simulators("koboldcpp")
    sim.configure(step_seconds=0.4)
    requested = {**SMALL, "steps": 3, "image_count": 3, "seed": 1}
    result = invoke(sim, "sd_txt2img", requested, timeout="3")
    assert [file.filename for file in result.files] == ["txt2img-1.png", "txt2img-2.png"]
    (warning,) = result.variables["warnings"]
    assert warning.startswith("Only 2 of 3 images were made: The time limit of 3 seconds")


def test_two_models_at_once_do_not_get_mixed_up(plugin: PluginHost, simulators: Simulators) -> None:
    """Two apps use two models while somebody clicks a third way in the WebUI: each gets its own."""
    sim = simulators("a1111")
    access = credentials(sim)
    models = names(plugin, access, "models")[:2]
    chance = random.Random(4)
    clicking = threading.Event()

    def click() -> None:
        while not clicking.wait(0.05):
            model = {"sd_model_checkpoint": chance.choice(models)}
            requests.post(f"{sim.url}/sdapi/v1/options", json=model, timeout=10)

    somebody = threading.Thread(target=click)
    somebody.start()
    wanted = [models[number % 2] for number in range(50)]
    calls = [
        plugin.start(PROVIDER, "sd_txt2img", access, {**SMALL, "steps": 1, "model": model})
        for model in wanted
    ]
    used = [call.wait(60).variables["model"] for call in calls]
    clicking.set()
    somebody.join()
    assert used == wanted
    assert len(generations(sim)) == 50
    mine = [one for one in sim.journal() if one["headers"].get("X-Test")]
    assert not [one for one in mine if one["path"].endswith("/options") and one["method"] == "POST"]


def test_settings_that_leaked_in_are_named(invoke: Invoke, simulators: Simulators) -> None:
    """Overrides other than the model outlive their request on A1111 (txt2img-leak-*)."""
    sim = simulators("a1111")
    somebody = {**REQUEST, "steps": 1, "override_settings": {"CLIP_stop_at_last_layers": 2}}
    requests.post(f"{sim.url}/sdapi/v1/txt2img", json=somebody, timeout=10).raise_for_status()
    result = invoke(sim, "sd_txt2img", {**SMALL, "steps": 1})
    assert result.variables["warnings"] == [
        "Clip skip 2 was in force on the server although nobody asked for it here; set clip_skip "
        "to 1, or reset it in the WebUI."
    ]
    assert "Warning: Clip skip 2" in result.text
    reset = invoke(sim, "sd_txt2img", {**SMALL, "steps": 1, "clip_skip": 1})
    assert reset.variables["warnings"] == []


def test_a_wrong_model_is_an_error(plugin: PluginHost, simulators: Simulators) -> None:
    """A checkpoint that goes away after the lists were read: A1111 silently uses another."""
    sim = simulators("a1111")
    access = credentials(sim)
    models = names(plugin, access, "models")
    sim.configure(models=[f"{models[0]}.safetensors"])
    with pytest.raises(PluginError, match="without saying so") as caught:
        plugin.invoke(PROVIDER, "sd_txt2img", access, {**SMALL, "steps": 1, "model": models[1]})
    assert caught.value.error_type == "InvokeServerUnavailableError"


def test_the_longest_timeout_is_named_as_it_is() -> None:
    assert f"(at most {MOST_SECONDS:g})" in DIFY.longer
