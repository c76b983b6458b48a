"""What tests and the demonstration rely on: handle, queue, interrupts, images, journal."""

import base64
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
import requests
from PIL import Image

from devkit.simulator import Simulator
from devkit.simulator.families import FAMILIES

BODY = {"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 5}


def post(sim: Simulator, path: str = "/sdapi/v1/txt2img", **fields: Any) -> requests.Response:
    body = {**BODY, **fields} if path.endswith("2img") else fields
    return requests.post(sim.url + path, json=body, timeout=20)


def image_in(answer: requests.Response, number: int = 0) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(answer.json()["images"][number])))


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_makes_an_image(family: str) -> None:
    with Simulator(family) as simulator:
        requests.get(simulator.url + "/sdapi/v1/loras", timeout=5)
        answer = post(simulator, sampler_name="Euler", width=128)
        assert answer.status_code == 200, answer.text
        assert image_in(answer).size == (128, 64)
        assert [job["state"] for job in simulator.jobs()] == ["done"]


def test_the_handle_refuses_what_does_not_exist(sim: Simulator) -> None:
    with pytest.raises(ValueError, match="no setting 'colour'"):
        sim.configure(colour="red")
    with pytest.raises(ValueError, match="start-up flag"):
        sim.configure(auth="a:b")


def test_a_simulator_that_cannot_start_says_so() -> None:
    with pytest.raises(RuntimeError):
        Simulator("a1111", no_such_setting=1)


def test_equal_requests_give_equal_bytes_others_do_not(sim: Simulator) -> None:
    first = post(sim).json()["images"]
    assert post(sim).json()["images"] == first
    assert post(sim, seed=6).json()["images"] != first
    other = {"sd_model_checkpoint": "realisticVisionV60B1_v51VAE"}
    assert post(sim, override_settings=other).json()["images"] != first


def test_a_large_image_has_the_requested_size(sim: Simulator) -> None:
    assert image_in(post(sim, width=1024, height=1024)).size == (1024, 1024)


def test_jobs_run_one_at_a_time_in_the_order_of_arrival(sim: Simulator) -> None:
    sim.configure(step_seconds=0.05)
    with ThreadPoolExecutor(5) as pool:
        for number in range(5):
            pool.submit(post, sim, prompt=f"cat {number}", steps=2)
            wait_for(lambda expected=number + 1: len(sim.jobs()) == expected)
    jobs = sim.jobs()
    assert [job["prompt"] for job in jobs] == [f"cat {number}" for number in range(5)]
    for earlier, later in pairwise(jobs):
        assert earlier["ended"] <= later["started"]


def test_a_task_can_be_found_interrupted_and_is_remembered(sim: Simulator) -> None:
    sim.configure(step_seconds=0.05)
    answers: list[requests.Response] = []
    job = Thread(target=lambda: answers.append(post(sim, steps=100, force_task_id="mine")))
    job.start()
    wait_for(lambda: post(sim, "/internal/progress", id_task="mine").json()["active"])
    waiting = Thread(target=post, args=(sim,), kwargs={"force_task_id": "next"})
    waiting.start()
    wait_for(lambda: post(sim, "/internal/progress", id_task="next").json()["queued"])
    assert post(sim, "/internal/progress", id_task="next").json()["textinfo"] == "In queue: 1/1"
    post(sim, "/sdapi/v1/interrupt")
    job.join()
    waiting.join()
    assert [job["state"] for job in sim.jobs()] == ["interrupted", "done"]
    assert len(answers[0].json()["images"]) == 1
    assert post(sim, "/internal/progress", id_task="mine").json()["completed"]


def test_a_client_that_leaves_stops_nothing(sim: Simulator) -> None:
    sim.configure(step_seconds=0.05)
    with pytest.raises(requests.Timeout):
        requests.post(f"{sim.url}/sdapi/v1/txt2img", json={**BODY, "steps": 8}, timeout=0.1)
    wait_for(lambda: [job["state"] for job in sim.jobs()] == ["done"])


def test_koboldcpp_turns_the_eleventh_away() -> None:
    with Simulator("koboldcpp", step_seconds=0.1) as simulator, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(simulator, steps=3), range(16)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [503] * 6


def test_switching_models_takes_the_time_of_a_load_once(sim: Simulator) -> None:
    sim.configure(model_load_seconds=0.4)
    wish = {"sd_model_checkpoint": "xl_sd_xl_base_1.0"}
    first = post(sim, override_settings=wish)
    assert first.elapsed.total_seconds() > 0.4
    assert json.loads(first.json()["info"])["sd_model_name"] == "sd_xl_base_1.0"
    assert post(sim, override_settings=wish).elapsed.total_seconds() < 0.4


def test_a_title_gains_its_hash_once_the_model_was_loaded(sim: Simulator) -> None:
    def titles() -> list[str]:
        answer = requests.get(f"{sim.url}/sdapi/v1/sd-models", timeout=5)
        return [model["title"] for model in answer.json()]

    assert titles()[-1] == "flux/flux1-schnell-fp8.safetensors"
    post(sim, override_settings={"sd_model_checkpoint": "flux1-schnell-fp8"})
    assert titles()[-1].endswith("]")


def test_overrides_leak_unless_the_option_was_saved_before(sim: Simulator) -> None:
    post(sim, override_settings={"CLIP_stop_at_last_layers": 2})
    assert "Clip skip: 2" in post(sim).json()["info"]
    post(sim, "/sdapi/v1/options", CLIP_stop_at_last_layers=1)
    post(sim, override_settings={"CLIP_stop_at_last_layers": 2})
    assert "Clip skip" not in post(sim).json()["info"]


def test_the_journal_shortens_images_and_leaves_commands_out(sim: Simulator) -> None:
    data = post(sim).json()["images"][0]
    post(sim, "/sdapi/v1/img2img", init_images=[data], denoising_strength=0.3)
    entries = sim.journal()
    assert [entry["path"] for entry in entries] == ["/sdapi/v1/txt2img", "/sdapi/v1/img2img"]
    assert len(entries[1]["body"]["init_images"][0]) < 100
    assert entries[1]["status"] == 200


def test_reset_goes_back_to_the_start(sim: Simulator) -> None:
    sim.configure(step_seconds=1.0, models=["a.safetensors"])
    post(sim, "/sdapi/v1/options", samples_format="jpg")
    sim.reset()
    assert post(sim).elapsed.total_seconds() < 1
    assert sim.journal()[0]["path"] == "/sdapi/v1/txt2img"
    assert image_in(post(sim)).format == "PNG"


def test_inpainting_changes_the_white_of_the_mask_only(sim: Simulator) -> None:
    source = Image.new("RGB", (64, 64), "red")
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    encoded = []
    for image in (source, mask):
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        encoded.append(base64.b64encode(buffer.getvalue()).decode())
    made = image_in(post(
        sim, "/sdapi/v1/img2img", init_images=encoded[:1], mask=encoded[1], mask_blur=0,
        denoising_strength=1.0,
    ))  # fmt: skip
    assert made.getpixel((60, 30)) == (255, 0, 0)
    assert made.getpixel((4, 30)) != (255, 0, 0)


@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
def test_parameters_stand_in_every_format(sim: Simulator, form: str) -> None:
    post(sim, "/sdapi/v1/options", samples_format=form)
    answer = post(sim, prompt="猫")
    assert image_in(answer).format == {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[form]
    data = answer.json()["images"][0]
    info = post(sim, "/sdapi/v1/png-info", image=data).json()
    assert info["info"].startswith("猫\nSteps: 1")


def test_big_images_from_memory_for_benchmarks(sim: Simulator) -> None:
    sim.configure(cache_answers=True, png_bytes=1_500_000)
    first = post(sim, width=1024, height=1024, seed=1)
    second = post(sim, width=1024, height=1024, seed=2)
    assert second.content == first.content
    size = len(base64.b64decode(first.json()["images"][0]))
    assert 1_400_000 < size < 1_600_000
    assert len(sim.jobs()) == 1


def test_extensions_are_there_when_switched_on() -> None:
    unit = {"ADetailer": {"args": [True, False, {"ad_model": "face_yolov8n.pt"}]}}
    with Simulator("a1111", extensions=["adetailer", "controlnet"]) as simulator:
        listed = requests.get(f"{simulator.url}/adetailer/v1/ad_model", timeout=5).json()
        assert "face_yolov8n.pt" in listed["ad_model"]
        assert "face_yolov8n.pt" in post(simulator, alwayson_scripts=unit).json()["info"]
        data = post(simulator).json()["images"][0]
        models = requests.get(f"{simulator.url}/controlnet/model_list", timeout=5).json()
        guide = {"image": data, "module": "canny", "model": models["model_list"][1]}
        made = post(simulator, alwayson_scripts={"ControlNet": {"args": [guide]}}).json()
        assert len(made["images"]) == 2
        assert "ControlNet 0" in made["info"]


def test_without_extensions_their_scripts_are_unknown(sim: Simulator) -> None:
    answer = post(sim, alwayson_scripts={"ADetailer": {"args": []}})
    assert (answer.status_code, answer.json()["detail"]) == (422, "Script 'ADetailer' not found")


def test_old_versions_know_combined_samplers_only() -> None:
    with Simulator("a1111-1.6") as simulator:
        assert post(simulator, sampler_name="DPM++ 2M Karras").status_code == 200
        refused = post(simulator, sampler_name="No Such")
        assert (refused.status_code, refused.json()["detail"]) == (404, "Sampler not found")
        schedulers = requests.get(f"{simulator.url}/sdapi/v1/schedulers", timeout=5)
        assert schedulers.status_code == 404
