"""Each fault does to a client what it says."""

import base64
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from devkit.simulator import Simulator
from devkit.simulator.fault_injector import FAULTS

BODY = {"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 5}


def generate(sim: Simulator, **options: Any) -> requests.Response:
    options.setdefault("timeout", 5)
    return requests.post(f"{sim.url}/sdapi/v1/txt2img", json=BODY, **options)


def models(sim: Simulator) -> requests.Response:
    return requests.get(f"{sim.url}/sdapi/v1/sd-models", timeout=5, allow_redirects=False)


def test_a_fault_without_a_name_of_its_own_is_refused(sim: Simulator) -> None:
    with pytest.raises(ValueError, match="no fault 'fire'"):
        sim.configure(fault="fire")


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("oom", 500, "OutOfMemoryError"), ("nan", 500, "NansException"),
        ("no_checkpoint", 500, "FileNotFoundError"),
        ("model_load_failed", 500, "SafetensorError"), ("extension_missing", 422, "ADetailer"),
        ("validation_422", 422, "not a valid integer"), ("proxy_413", 413, "<html>"),
        ("proxy_502", 502, "Bad Gateway"), ("proxy_503", 503, "<html>"),
        ("proxy_504", 504, "Gateway Time"), ("not_json", 200, "<html>"),
        ("not_json_text", 200, "OK"), ("wrong_json", 200, "[{"),
        ("unauthorized", 401, "Not authenticated"), ("forbidden", 403, "<html>"),
        ("no_api", 404, "Not Found"), ("redirect_same_origin", 307, ""),
        ("redirect_other_origin", 307, ""),
    ],
)  # fmt: skip
def test_answers_of_its_own(sim: Simulator, fault: str, status: int, words: str) -> None:
    sim.configure(fault=fault)
    answer = generate(sim, allow_redirects=False)
    assert answer.status_code == status
    assert words in answer.text
    assert sim.jobs() == []


@pytest.mark.parametrize(
    ("fault", "images"),
    [("bad_base64", ["!!no base64!!"]), ("empty_image", [""]), ("no_images", [])],
)
def test_spoilt_images_come_after_the_work(sim: Simulator, fault: str, images: list[str]) -> None:
    sim.configure(fault=fault)
    assert generate(sim).json()["images"] == images
    assert [job["state"] for job in sim.jobs()] == ["done"]


def test_the_rate_is_limited_after_the_work(sim: Simulator) -> None:
    sim.configure(fault="rate_limit_429")
    assert generate(sim).status_code == 429
    assert [job["state"] for job in sim.jobs()] == ["done"]


def test_text_in_the_place_of_an_image(sim: Simulator) -> None:
    sim.configure(fault="not_an_image")
    assert base64.b64decode(generate(sim).json()["images"][0]).startswith(b"this is not")


def test_info_is_missing_or_broken(sim: Simulator) -> None:
    sim.configure(fault="info_missing")
    assert "info" not in generate(sim).json()
    sim.configure(fault="info_not_json")
    assert generate(sim).json()["info"] == "{not json"


@pytest.mark.parametrize("fault", ["cut_off", "cut_off_chunked", "drop"])
def test_broken_connections(sim: Simulator, fault: str) -> None:
    sim.configure(fault=fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        generate(sim)
    assert sim.journal()[-1]["status"] is None


@pytest.mark.parametrize("fault", ["gzip", "chunked", "slow_headers", "slow_body"])
def test_unusual_but_good_answers(sim: Simulator, fault: str) -> None:
    plain = generate(sim).json()
    sim.configure(fault=fault, fault_seconds=0.00001)
    answer = generate(sim, timeout=30)
    assert answer.json()["images"] == plain["images"]


def test_trickling_takes_its_time(sim: Simulator) -> None:
    sim.configure(fault="slow_headers", fault_seconds=5.0)
    begun = time.monotonic()
    with pytest.raises(requests.Timeout):
        generate(sim, timeout=0.04)
    assert time.monotonic() - begun < 4


def test_hanging(sim: Simulator) -> None:
    sim.configure(fault="hang")
    with pytest.raises(requests.Timeout):
        generate(sim, timeout=0.3)


def test_an_answer_without_end(sim: Simulator) -> None:
    sim.configure(fault="huge")
    with generate(sim, stream=True) as answer:
        received = sum(
            len(block) for block, _ in zip(answer.iter_content(65536), range(64), strict=False)
        )
    assert received > 2_000_000


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("empty_model_list", "[]"),
        ("models_html", "<html>login</html>"),
        ("models_wrong_shape", '{"models": ["a"]}'),
    ],
)
def test_model_lists(sim: Simulator, fault: str, text: str) -> None:
    sim.configure(fault=fault)
    assert models(sim).text == text
    assert generate(sim).status_code == 200


def test_the_list_of_models_fails(sim: Simulator) -> None:
    sim.configure(fault="models_500")
    assert models(sim).status_code == 500


def test_without_api_the_page_lives(sim: Simulator) -> None:
    sim.configure(fault="no_api")
    assert models(sim).status_code == 404
    assert requests.get(sim.url + "/", timeout=5).ok


def test_redirects(sim: Simulator) -> None:
    sim.configure(fault="redirect_same_origin")
    assert requests.get(f"{sim.url}/sdapi/v1/sd-models", timeout=5).json()
    sim.configure(fault="redirect_other_origin")
    assert not models(sim).headers["location"].startswith(sim.url)


def test_an_error_that_repeats_the_password(sim: Simulator) -> None:
    sim.configure(fault="error_with_secret")
    answer = generate(sim, auth=("user", "s3cret"))
    assert answer.status_code == 500
    assert "user:s3cret" in answer.text


def test_a_restart_refuses_then_says_404_then_works(sim: Simulator) -> None:
    sim.configure(fault="restarting", fault_seconds=0.5)
    seen: list[object] = []
    end = time.monotonic() + 8
    while time.monotonic() < end and seen[-1:] != [200]:
        try:
            status: object = models(sim).status_code
        except requests.ConnectionError as problem:
            status = "refused" if "refused" in str(problem) else "closed"
        if seen[-1:] != [status]:
            seen.append(status)
        time.sleep(0.02)
    assert seen == ["closed", "refused", 404, 200]


def test_a_fault_can_wait_and_pass(sim: Simulator) -> None:
    sim.configure(fault="proxy_502", fault_after=1, fault_count=2)
    assert [generate(sim).status_code for _ in range(4)] == [200, 502, 502, 200]


def test_every_fault_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FAULTS if f'"{name}"' not in text] == []
