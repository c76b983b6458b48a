"""A generation from plan to report, over mocked HTTP."""

import base64
import gc
import io
import json
import socket
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import responses
from PIL import Image

from sdwebui import errors
from sdwebui.answers.images import Image as MadeImage
from sdwebui.answers.report import Report
from sdwebui.client import WebUI
from sdwebui.dialects.plan import ControlUnit
from sdwebui.generation import generate
from sdwebui.parameters import Txt2Img
from sdwebui.planning.planner import Defaults
from tests.raw_server import RawServer
from tests.webui import URL, webui

TXT2IMG = f"{URL}/sdapi/v1/txt2img"


def png(colour: str = "red", size: tuple[int, int] = (512, 512)) -> str:
    """Return the base64 of a PNG of one colour."""
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode()


def generated(images: list[Any], **info: Any) -> dict[str, Any]:
    """Return the JSON of a generation."""
    facts = {"all_seeds": list(range(7, 7 + len(images))), "index_of_first_image": 0, **info}
    return {"images": images, "parameters": {"seed": -1}, "info": json.dumps(facts)}


def run(
    mock: responses.RequestsMock, *answers: Any, status: int = 200, **requested: Any
) -> tuple[list[MadeImage], Report]:
    """Return images and report of a generation that gets these responses."""
    for content in answers:
        mock.post(TXT2IMG, json=content, status=content.pop("_status", status))
    call = WebUI(URL).call()
    plan = call.planner.txt2img(Txt2Img.build({"prompt": "a cat", "seed": 7, **requested}))
    images = generate(call, plan)
    return list(images), images.report


def bodies(mock: responses.RequestsMock) -> Iterator[dict[str, Any]]:
    """Yield the body of each POST."""
    for call in mock.calls:
        if call.request.method == "POST":
            yield json.loads(call.request.body or "")


def test_images_come_in_order_with_their_seeds() -> None:
    with webui("a1111") as mock:
        images, report = run(mock, generated([png("red"), png("blue")]), image_count=2)
    assert [image.seed for image in images] == [7, 8]
    assert [image.format.mime_type for image in images] == ["image/png"] * 2
    assert base64.b64encode(images[1].data).decode() == png("blue")
    assert report.seeds == (7, 8)
    assert report.warnings == ()


def test_a_grid_in_front_is_left_out() -> None:
    content = generated(
        [png("white"), png("red"), png("blue")], index_of_first_image=1, all_seeds=[7, 8]
    )
    with webui("a1111") as mock:
        images, report = run(mock, content, image_count=2, extra={"save_images": True})
    assert [base64.b64encode(image.data).decode() for image in images] == [png("red"), png("blue")]
    assert report.warnings == ()


def test_a_grid_that_was_not_requested_is_left_out() -> None:
    grid = png("white", (1024, 512))
    content = generated([grid, png("red"), png("blue")], index_of_first_image=1, all_seeds=[7, 8])
    with webui("a1111") as mock:
        images, report = run(mock, content, image_count=2)
    assert [base64.b64encode(image.data).decode() for image in images] == [png("red"), png("blue")]
    assert report.warnings == ()


def raw_answer(content: bytes, length: int) -> bytes:
    """Return an HTTP response that announces this length."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + content


@pytest.mark.parametrize("missing", [5, 0])
def test_a_response_is_complete_when_its_json_is(missing: int) -> None:
    # Some servers announce more bytes than they send, and keep the connection open.
    content = json.dumps(generated([png()], sd_model_name="other")).encode()

    def script(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET"):
            connection.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}")
        else:
            connection.sendall(raw_answer(content, len(content) + missing))

    raw = RawServer(script)
    call = WebUI(raw.url).call(30)
    sizes = {"size": "512x512", "steps": 1, "cfg_scale": 1}
    plan = call.planner.txt2img(Txt2Img.read({"prompt": "a cat", "seed": 7, **sizes}))
    started = time.monotonic()
    (image,) = generate(call, plan)
    assert image.seed == 7
    assert time.monotonic() - started < 8
    raw.close()


def test_a_response_may_repeat_the_control_images() -> None:
    # A1111 and Forge repeat the whole request, with its control images, before info.
    content = generated([png()])
    content["parameters"] = {"alwayson_scripts": {"ControlNet": {"args": [{"image": "A" * 2**24}]}}}
    with webui("a1111") as mock:
        mock.post(TXT2IMG, json=content)
        call = WebUI(URL).call()
        requested = {"prompt": "a cat", "seed": 7, "size": "512x512"}
        plan = call.planner.txt2img(Txt2Img.read(requested))
        unit = ControlUnit("A" * 2**24, "canny", "none", 1.0, 0.0, 1.0, "balanced")
        images = generate(call, replace(plan, controls=(unit,)))
        assert len(list(images)) == 1
    assert not any("larger than" in warning for warning in images.report.warnings)


@pytest.mark.parametrize("count", [1, 3])
def test_images_of_another_size_are_kept_when_the_answer_breaks_off(count: int) -> None:
    whole = json.dumps(generated([png("red", (576, 576))] * count))
    with webui("a1111") as mock:
        mock.post(TXT2IMG, body=whole[: whole.index('"info"')], content_type="application/json")
        images, report = run(mock, image_count=3)
    assert len(images) == count
    assert any("ended early" in warning for warning in report.warnings)


def test_images_of_another_size_are_no_grid() -> None:
    small = [png("red", (256, 256)), png("blue", (256, 256))]
    with webui("a1111") as mock:
        images, report = run(mock, generated(small), image_count=2)
    assert [base64.b64encode(image.data).decode() for image in images] == small
    assert report.warnings == ("The server made 256×256 pixels instead of 512×512.",)


def test_a_seed_in_extra_counts_up_like_any_other() -> None:
    one_by_one = [generated([png()], all_seeds=[seed]) for seed in (41, 42)]
    with webui("koboldcpp") as mock:
        images, report = run(mock, *one_by_one, image_count=2, extra={"seed": 41})
        assert [body["seed"] for body in bodies(mock)] == [41, 42]
    assert [image.seed for image in images] == [41, 42]
    assert report.warnings == ()


@pytest.mark.parametrize("seed", [-1, None])
def test_no_seed_in_extra_is_a_random_one(seed: int | None) -> None:
    with webui("a1111") as mock:
        _, report = run(mock, generated([png()], all_seeds=[]), extra={"seed": seed})
        (body,) = bodies(mock)
    assert report.seeds == (body["seed"],)
    assert body["seed"] not in {-1, 7}


def test_images_that_a_script_adds_are_returned() -> None:
    content = generated([png("white"), *[png("red")] * 4], index_of_first_image=1, all_seeds=[7])
    with webui("a1111") as mock:
        images, _ = run(mock, content, extra={"script_name": "x/y/z plot", "script_args": []})
    assert len(images) == 4


def test_detect_maps_behind_the_images_are_left_out() -> None:
    with webui("a1111") as mock:
        images, _ = run(mock, generated([png("red"), png("black")], all_seeds=[7]))
    assert len(images) == 1


def test_a_server_that_makes_one_at_a_time_gets_several_requests() -> None:
    one_by_one = [generated([png()], all_seeds=[seed]) for seed in (7, 8, 9)]
    with webui("koboldcpp") as mock:
        images, report = run(mock, *one_by_one, image_count=3)
        assert [body["seed"] for body in bodies(mock)] == [7, 8, 9]
    assert [image.seed for image in images] == [7, 8, 9]
    assert report.seeds == (7, 8, 9)


def test_a_server_that_ignores_the_count_gets_a_request_for_the_rest() -> None:
    content = [generated([png()], all_seeds=[7]), generated([png(), png()], all_seeds=[8, 9])]
    with webui("a1111") as mock:
        images, report = run(mock, *content, image_count=3)
        sent = list(bodies(mock))
    assert [(body["seed"], body["n_iter"]) for body in sent] == [(7, 3), (8, 2)]
    assert sent[0]["force_task_id"] != sent[1]["force_task_id"]
    assert (len(images), report.warnings) == (3, ())


def test_an_interrupted_job_is_not_sent_again() -> None:
    with webui("a1111") as mock:
        images, report = run(mock, generated([png()], all_seeds=[7, 8, 9]), image_count=3)
        assert len(list(bodies(mock))) == 1
    assert len(images) == 1
    assert report.warnings == (
        "The server made 1 of 3 images; somebody probably interrupted the job in the WebUI.",
    )


def test_a_later_failure_does_not_lose_finished_images() -> None:
    trouble = {"error": "OutOfMemoryError", "errors": "CUDA out of memory", "_status": 500}
    with webui("koboldcpp") as mock:
        images, report = run(mock, generated([png()], all_seeds=[7]), trouble, image_count=2)
    assert len(images) == 1
    assert report.warnings[0].startswith("Only 1 of 2 images were made: The GPU ran out of memory")


def test_an_image_that_arrived_before_the_answer_broke_off_is_kept() -> None:
    whole = json.dumps(generated([png()]))
    with webui("a1111") as mock:
        mock.post(TXT2IMG, body=whole[: whole.index('"info"')], content_type="application/json")
        images, report = run(mock)
    assert len(images) == 1
    assert report.warnings[0].startswith("What the server says of the images did not arrive")


@pytest.mark.parametrize(
    ("content", "kind", "reported"),
    [
        (generated([]), errors.NoImage, "without an image"),
        ({"images": [], "info": ""}, errors.NoImage, "whether a model is selected"),
        (generated([""]), errors.NoImage, "sent an empty image"),
        (generated([None]), errors.NoImage, "sent an empty image"),
        (generated(["@@@@"]), errors.NotAnImage, "(?i)image"),
        (generated([base64.b64encode(b"hello").decode()]), errors.NotAnImage, "(?i)image"),
        ({"detail": "Not Found", "_status": 404}, errors.NotAWebUI, "--api"),
    ],
)
def test_an_unusable_response(
    content: dict[str, Any], kind: type[Exception], reported: str
) -> None:
    with webui("a1111") as mock, pytest.raises(kind, match=reported):
        run(mock, dict(content))


def test_a_wrong_model_ends_in_an_error_even_behind_images() -> None:
    with webui("a1111") as mock, pytest.raises(errors.WrongModel, match="'other'"):
        run(mock, generated([png()], sd_model_name="other"), model="dreamshaper_8")


def test_every_difference_reaches_the_report() -> None:
    content = generated(
        [png(size=(64, 64))], sampler_name="DPM++ 2M", sd_model_name="dreamshaper_8"
    )
    with webui("a1111") as mock:
        _, report = run(mock, content, sampler="Euler a", model="dreamshaper_8", size="100x")
    assert report.model == "dreamshaper_8"
    assert report.sampler == "DPM++ 2M"
    assert report.warnings == (
        "width 100 became 104, a multiple of 8.",
        "The server used the sampler 'DPM++ 2M' instead of 'Euler a'.",
        "The server made 64×64 pixels instead of 104×104.",
    )


def test_seeds_in_the_report_are_the_servers() -> None:
    with webui("a1111") as mock:
        images, report = run(mock, generated([png()], all_seeds=[99]))
    assert images[0].seed == 7
    assert report.seeds == (99,)
    assert report.warnings == ("The server used seed 99 instead of 7.",)


def test_a_warm_generation_is_one_request() -> None:
    client = WebUI(URL, defaults=Defaults("dreamshaper_8"))
    with webui("a1111") as mock:
        mock.post(TXT2IMG, json=generated([png()]))
        for _ in range(2):
            call = client.call()
            list(generate(call, call.planner.txt2img(Txt2Img(prompt="a", sampler="Euler"))))
            sent = len(mock.calls)
            mock.calls.reset()
    assert sent == 1


def test_the_family_is_detected_again_after_an_unexpected_404() -> None:
    client = WebUI(URL)
    with webui("a1111") as mock, pytest.raises(errors.NotAWebUI):
        mock.post(TXT2IMG, status=404, json={"detail": "Not Found"})
        call = client.call()
        list(generate(call, call.planner.txt2img(Txt2Img(prompt="a"))))
    with webui("sdcpp"):
        assert client.call().dialect.family == "sdcpp"


def test_check_accepts_a_model_that_the_server_has() -> None:
    with webui("a1111") as mock:
        WebUI(URL, defaults=Defaults("dreamshaper_8")).check()
        assert [call.request.path_url for call in mock.calls] == ["/sdapi/v1/sd-models"]


def test_check_refuses_a_model_that_the_server_lacks() -> None:
    with webui("a1111"), pytest.raises(errors.UnknownName, match="no model 'nope'"):
        WebUI(URL, defaults=Defaults("nope")).check()


@pytest.mark.parametrize("status", [200, 500])
def test_a_failed_generation_leaves_nothing_in_memory(status: int) -> None:
    """Exceptions must not keep the request, and the images in it, until the next collection."""

    class Images(str):
        """Base64 that can be referred to weakly."""

    def fail() -> weakref.ref[Images]:
        source = Images("A" * 64)
        with webui("a1111") as mock:
            mock.post(TXT2IMG, json={"images": [], "error": "x", "errors": "x"}, status=status)
            call = WebUI(URL).call()
            plan = call.planner.txt2img(Txt2Img(prompt="a cat", seed=7))
            unit = ControlUnit(source, "canny", "none", 1.0, 0.0, 1.0, "balanced")
            with pytest.raises(errors.WebUIError):
                list(generate(call, replace(plan, controls=(unit,))))
            mock.calls.reset()
        return weakref.ref(source)

    gc.collect()
    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_time_limit_is_a_positive_number(seconds: float) -> None:
    with pytest.raises(errors.InvalidInput, match="seconds must be a positive number"):
        WebUI(URL).call(seconds)
