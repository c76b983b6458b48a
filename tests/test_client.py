"""A generation from plan to report, over faked HTTP."""

import base64
import io
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import responses
from PIL import Image

from sdwebui import errors
from sdwebui.client import Client, Picture
from sdwebui.parameters import Txt2Img
from sdwebui.plan import ControlUnit
from sdwebui.planning import Defaults
from sdwebui.report import Report
from sdwebui.server import Server
from tests.raw_server import RawServer
from tests.webui import URL, fresh_server, webui

TXT2IMG = f"{URL}/sdapi/v1/txt2img"


def png(colour: str = "red", size: tuple[int, int] = (512, 512)) -> str:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode()


def answer(images: list[Any], **info: Any) -> dict[str, Any]:
    told = {"all_seeds": list(range(7, 7 + len(images))), "index_of_first_image": 0, **info}
    return {"images": images, "parameters": {"seed": -1}, "info": json.dumps(told)}


def run(
    mock: responses.RequestsMock, *answers: Any, status: int = 200, **asked: Any
) -> tuple[list[Picture], Report]:
    for one in answers:
        mock.post(TXT2IMG, json=one, status=one.pop("_status", status))
    client = Client(fresh_server())
    plan = client.planner.txt2img(Txt2Img.build({"prompt": "a cat", "seed": 7, **asked}))
    pictures = []
    generation = client.generate(plan)
    while True:
        try:
            pictures.append(next(generation))
        except StopIteration as end:
            return pictures, end.value


def bodies(mock: responses.RequestsMock) -> Iterator[dict[str, Any]]:
    for call in mock.calls:
        if call.request.method == "POST":
            yield json.loads(call.request.body or "")


def test_pictures_come_in_order_with_their_seeds() -> None:
    with webui("a1111") as mock:
        pictures, report = run(mock, answer([png("red"), png("blue")]), image_count=2)
    assert [one.seed for one in pictures] == [7, 8]
    assert [one.format.mime_type for one in pictures] == ["image/png"] * 2
    assert base64.b64encode(pictures[1].data).decode() == png("blue")
    assert report.seeds == (7, 8)
    assert report.warnings == ()


def test_a_grid_in_front_is_left_out() -> None:
    told = answer([png("white"), png("red"), png("blue")], index_of_first_image=1, all_seeds=[7, 8])
    with webui("a1111") as mock:
        pictures, report = run(mock, told, image_count=2, extra={"save_images": True})
    assert [base64.b64encode(one.data).decode() for one in pictures] == [png("red"), png("blue")]
    assert report.warnings == ()


def test_a_grid_that_nobody_asked_for_is_left_out() -> None:
    grid = png("white", (1024, 512))
    told = answer([grid, png("red"), png("blue")], index_of_first_image=1, all_seeds=[7, 8])
    with webui("a1111") as mock:
        pictures, report = run(mock, told, image_count=2)
    assert [base64.b64encode(one.data).decode() for one in pictures] == [png("red"), png("blue")]
    assert report.warnings == ()


def raw_answer(content: bytes, length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + content


@pytest.mark.parametrize("missing", [5, 0])
def test_an_answer_is_complete_when_its_json_is(missing: int) -> None:
    """Some servers announce more than they send, and keep the connection open."""
    told = json.dumps(answer([png()], sd_model_name="other")).encode()

    def script(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET"):
            connection.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}")
        else:
            connection.sendall(raw_answer(told, len(told) + missing))

    raw = RawServer(script)
    client = Client(Server.at(raw.url), seconds=30)
    sizes = {"size": "512x512", "steps": 1, "cfg_scale": 1}
    plan = client.planner.txt2img(Txt2Img.read({"prompt": "a cat", "seed": 7, **sizes}))
    started = time.monotonic()
    (picture,) = client.generate(plan)
    assert picture.seed == 7
    assert time.monotonic() - started < 3
    raw.close()


def test_room_is_left_for_pictures_that_come_back() -> None:
    """A1111 and Forge repeat the whole request, control images and all, before info."""
    told = answer([png()])
    told["parameters"] = {"alwayson_scripts": {"ControlNet": {"args": [{"image": "A" * 2**24}]}}}
    with webui("a1111") as mock:
        mock.post(TXT2IMG, json=told)
        client = Client(fresh_server())
        asked = {"prompt": "a cat", "seed": 7, "size": "512x512"}
        plan = client.planner.txt2img(Txt2Img.read(asked))
        unit = ControlUnit("A" * 2**24, "canny", "none", 1.0, 0.0, 1.0, "balanced")
        generation = client.generate(replace(plan, controls=(unit,)))
        pictures = []
        with pytest.raises(StopIteration) as end:
            while True:
                pictures.append(next(generation))
    assert len(pictures) == 1
    assert not [one for one in end.value.value.warnings if "larger than" in one]


@pytest.mark.parametrize("count", [1, 3])
def test_pictures_of_another_size_are_kept_when_the_answer_breaks_off(count: int) -> None:
    whole = json.dumps(answer([png("red", (576, 576))] * count))
    with webui("a1111") as mock:
        mock.post(TXT2IMG, body=whole[: whole.index('"info"')], content_type="application/json")
        pictures, report = run(mock, image_count=3)
    assert len(pictures) == count
    assert any("ended early" in warning for warning in report.warnings)


def test_pictures_of_another_size_are_no_grid() -> None:
    small = [png("red", (256, 256)), png("blue", (256, 256))]
    with webui("a1111") as mock:
        pictures, report = run(mock, answer(small), image_count=2)
    assert [base64.b64encode(one.data).decode() for one in pictures] == small
    assert report.warnings == ("The server made 256×256 pixels instead of 512×512.",)


def test_a_seed_in_extra_counts_up_like_any_other() -> None:
    one_by_one = [answer([png()], all_seeds=[seed]) for seed in (41, 42)]
    with webui("koboldcpp") as mock:
        pictures, report = run(mock, *one_by_one, image_count=2, extra={"seed": 41})
        assert [body["seed"] for body in bodies(mock)] == [41, 42]
    assert [one.seed for one in pictures] == [41, 42]
    assert report.warnings == ()


@pytest.mark.parametrize("seed", [-1, None])
def test_no_seed_in_extra_is_a_random_one(seed: int | None) -> None:
    with webui("a1111") as mock:
        _, report = run(mock, answer([png()], all_seeds=[]), extra={"seed": seed})
        (body,) = bodies(mock)
    assert report.seeds == (body["seed"],)
    assert body["seed"] not in {-1, 7}


def test_pictures_that_a_script_adds_are_handed_over() -> None:
    told = answer([png("white"), *[png("red")] * 4], index_of_first_image=1, all_seeds=[7])
    with webui("a1111") as mock:
        pictures, _ = run(mock, told, extra={"script_name": "x/y/z plot", "script_args": []})
    assert len(pictures) == 4


def test_detect_maps_behind_the_pictures_are_left_out() -> None:
    with webui("a1111") as mock:
        pictures, _ = run(mock, answer([png("red"), png("black")], all_seeds=[7]))
    assert len(pictures) == 1


def test_a_server_that_makes_one_at_a_time_is_asked_again() -> None:
    one_by_one = [answer([png()], all_seeds=[seed]) for seed in (7, 8, 9)]
    with webui("koboldcpp") as mock:
        pictures, report = run(mock, *one_by_one, image_count=3)
        assert [body["seed"] for body in bodies(mock)] == [7, 8, 9]
    assert [one.seed for one in pictures] == [7, 8, 9]
    assert report.seeds == (7, 8, 9)


def test_a_server_that_ignores_the_count_is_asked_again_for_the_rest() -> None:
    told = [answer([png()], all_seeds=[7]), answer([png(), png()], all_seeds=[8, 9])]
    with webui("a1111") as mock:
        pictures, report = run(mock, *told, image_count=3)
        sent = list(bodies(mock))
    assert [(body["seed"], body["n_iter"]) for body in sent] == [(7, 3), (8, 2)]
    assert sent[0]["force_task_id"] != sent[1]["force_task_id"]
    assert (len(pictures), report.warnings) == (3, ())


def test_an_interrupted_job_is_not_asked_again() -> None:
    with webui("a1111") as mock:
        pictures, report = run(mock, answer([png()], all_seeds=[7, 8, 9]), image_count=3)
        assert len(list(bodies(mock))) == 1
    assert len(pictures) == 1
    assert report.warnings == (
        "The server made 1 of 3 images; somebody probably interrupted the job in the WebUI.",
    )


def test_later_trouble_does_not_lose_what_is_made() -> None:
    trouble = {"error": "OutOfMemoryError", "errors": "CUDA out of memory", "_status": 500}
    with webui("koboldcpp") as mock:
        pictures, report = run(mock, answer([png()], all_seeds=[7]), trouble, image_count=2)
    assert len(pictures) == 1
    assert report.warnings[0].startswith("Only 1 of 2 images were made: The GPU ran out of memory")


def test_a_picture_that_arrived_before_the_answer_broke_off_is_kept() -> None:
    whole = json.dumps(answer([png()]))
    with webui("a1111") as mock:
        mock.post(TXT2IMG, body=whole[: whole.index('"info"')], content_type="application/json")
        pictures, report = run(mock)
    assert len(pictures) == 1
    assert report.warnings[0].startswith("What the server says of the images did not arrive")


@pytest.mark.parametrize(
    ("told", "kind", "said"),
    [
        (answer([]), errors.NoPicture, "without an image"),
        ({"images": [], "info": ""}, errors.NoPicture, "whether a model is selected"),
        (answer([""]), errors.NoPicture, "sent an empty image"),
        (answer([None]), errors.NoPicture, "sent an empty image"),
        (answer(["@@@@"]), errors.NotAPicture, "(?i)image"),
        (answer([base64.b64encode(b"hello").decode()]), errors.NotAPicture, "(?i)image"),
        ({"detail": "Not Found", "_status": 404}, errors.NotAWebUI, "--api"),
    ],
)
def test_an_answer_that_is_none(told: dict[str, Any], kind: type[Exception], said: str) -> None:
    with webui("a1111") as mock, pytest.raises(kind, match=said):
        run(mock, dict(told))


def test_a_wrong_model_ends_in_an_error_even_behind_pictures() -> None:
    with webui("a1111") as mock, pytest.raises(errors.WrongModel, match="'other'"):
        run(mock, answer([png()], sd_model_name="other"), model="dreamshaper_8")


def test_every_difference_reaches_the_report() -> None:
    told = answer([png(size=(64, 64))], sampler_name="DPM++ 2M", sd_model_name="dreamshaper_8")
    with webui("a1111") as mock:
        _, report = run(mock, told, sampler="Euler a", model="dreamshaper_8", size="100x")
    assert report.model == "dreamshaper_8"
    assert report.sampler == "DPM++ 2M"
    assert report.warnings == (
        "width 100 became 104, a multiple of 8.",
        "The server used the sampler 'DPM++ 2M' instead of 'Euler a'.",
        "The server made 64×64 pixels instead of 104×104.",
    )


def test_seeds_in_the_report_are_the_servers() -> None:
    with webui("a1111") as mock:
        pictures, report = run(mock, answer([png()], all_seeds=[99]))
    assert pictures[0].seed == 7
    assert report.seeds == (99,)
    assert report.warnings == ("The server used seed 99 instead of 7.",)


def test_a_warm_generation_is_one_request() -> None:
    server = fresh_server()
    with webui("a1111") as mock:
        mock.post(TXT2IMG, json=answer([png()]))
        for _ in range(2):
            client = Client(server, defaults=Defaults("dreamshaper_8"))
            list(client.generate(client.planner.txt2img(Txt2Img(prompt="a", sampler="Euler"))))
            sent = len(mock.calls)
            mock.calls.reset()
    assert sent == 1


def test_an_unexpected_404_makes_the_family_be_found_out_again() -> None:
    server = fresh_server()
    with webui("a1111") as mock, pytest.raises(errors.NotAWebUI):
        mock.post(TXT2IMG, status=404, json={"detail": "Not Found"})
        client = Client(server)
        list(client.generate(client.planner.txt2img(Txt2Img(prompt="a"))))
    with webui("sdcpp"):
        client = Client(server)
        assert client.catalog.dialect(client.deadline).family == "sdcpp"


def test_check_is_content_with_what_is_there() -> None:
    with webui("a1111") as asked:
        Client(fresh_server(), defaults=Defaults("dreamshaper_8")).check()
        assert asked.calls


def test_check_refuses_a_model_that_is_not_there() -> None:
    with webui("a1111"), pytest.raises(errors.UnknownName, match="no model 'nope'"):
        Client(fresh_server(), defaults=Defaults("nope")).check()
