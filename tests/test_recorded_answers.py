"""Every recorded answer of a real server, played to the client over HTTP.

What should come of an answer is worked out from the recording (``tests.recordings.expecting``) or
stands here.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from sdwebui import errors
from sdwebui.answers.images import Image
from sdwebui.client import WebUI
from sdwebui.dialects.plan import Plan
from sdwebui.infotext.parse import read_parameters
from sdwebui.resources.kinds import Resource
from tests.recordings import Case, asking, cases
from tests.recordings import expecting as expected
from tests.recordings.fitting import Given, parameters_of, raw_parameters, told
from tests.recordings.playing import Player, body_of, ordinary, plain, unknown_route

FAMILIES = {
    "a1111": "a1111", "forge": "forge", "sdnext": "sdnext", "sdcpp": "sdcpp",
    "koboldcpp": "koboldcpp", "forge-neo": "forge", "forge-neo-2026": "forge",
}  # fmt: skip
"""The packs that are played, and as what the client should recognise each server."""

WITH_TASKS = ("a1111", "forge", "forge-neo", "forge-neo-2026")
"""Families that can be asked where a job stands."""

LISTS = {one.route: one for one in Resource if one is not Resource.CHECKPOINTS}
"""Lists that the client reads, by their routes."""

GENERATE = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")
MODELS = ("/sdapi/v1/sd-models", "/sdapi/v1/sd-models/", "//sdapi/v1/sd-models")
CAPTION = ("/sdapi/v1/interrogate", "/sdapi/v1/openclip", "/sdapi/v1/tagger")
SIGNS = ("/openapi.json", "/api/extra/version", "/sdcpp/v1/capabilities", "/sdapi/v1/version",
         "/internal/pending-tasks")  # fmt: skip
"""By what the client recognises a family, and whether it has tasks."""

NOT_ASKED = {
    "sdcpp": {"/sdapi/v1/extra-single-image", "/sdapi/v1/interrogate", "/sdapi/v1/interrupt"},
    "sdnext": {"/sdapi/v1/interrogate", "/internal/progress", "/sdapi/v1/interrupt"},
    "koboldcpp": {"/sdapi/v1/interrupt"},
}
"""What the client never asks of a family, since it cannot do it."""

PLAYED = {
    "a1111": 375, "forge": 407, "sdnext": 400, "sdcpp": 173, "koboldcpp": 314, "forge-neo": 395,
    "forge-neo-2026": 381,
}  # fmt: skip
"""By family: at least so many answers are played."""

ALL_NEO = "forge-neo.*"
REFUSED = [
    (".*", r".*(sampler|scheduler)-unknown|txt2img-unknown-(sampler|scheduler)"),
    (".*", r"txt2img-lora-(bad-weight|unknown|in-subfolder-with-path|prompt-tag-missing)"),
    (ALL_NEO, "txt2img-lora-subfolder-path"),
    (".*", r"txt2img-override-model-(non-?existent|number|title-with-wrong-hash)"),
    (f"sdnext|{ALL_NEO}", r"txt2img-override-model-(name-with|path-without)-extension"),
    (".*", r"txt2img-seed-(2pow3[12].*|2147483647|2147483648|big-\d+|huge-beyond-int64)"),
    (".*", r"huge-steps-.*|txt2img-steps-(0|zero|500|200.*)|txt2img-cfg-30"),
    ("sdnext", r".*-sampler-[Dd]efault|txt2img-(full-body|.*scheduler.*)"),
    ("sdcpp|koboldcpp", r"txt2img-sampler-(ddim|unipc|dpmpp-sde|dpmpp-2m-sde|karras)"),
    ("koboldcpp", "txt2img-scheduler-normal"),
    (ALL_NEO, r"txt2img-(sampler-forge-only-DDIM-CFG\+\+|scheduler-Flux2)"),
]
"""Names and numbers that servers take in silence, doing something else, and the tools refuse."""

SECRET = "s3cret-of-the-credential"

IMAGE = base64.b64decode(plain((64, 64)))


@pytest.fixture(scope="module")
def players() -> Iterator[dict[str, Player]]:
    """One server a family, for all its cases."""
    running = {family: Player(family) for family in FAMILIES}
    yield running
    for player in running.values():
        player.close()


def path_of(case: Case) -> str:
    return case.path.partition("?")[0]


def is_asked(case: Case) -> bool:
    return path_of(case) not in NOT_ASKED.get(case.family, ())


_parametrized: set[tuple[str, str]] = set()
"""Family and name of each case that stands in a test."""


def as_parameters(found: Iterable[Case]) -> list[Any]:
    """Cases as parameters of a test."""
    found = list(found)
    _parametrized.update((case.family, case.name) for case in found)
    return [pytest.param(case, id=f"{case.family}-{case.name}") for case in found]


def played(*paths: str, method: str = "POST") -> list[Any]:
    """All cases of some paths that the client asks their families for."""
    return as_parameters(
        case
        for family in FAMILIES
        for case in cases(family)
        if case.method == method and path_of(case) in paths and is_asked(case)
    )


def is_in(case: Case, patterns: Iterable[tuple[str, str]]) -> bool:
    """Whether the family and name of a case fit one of these pairs of patterns."""
    return any(
        re.fullmatch(families, case.family) and re.fullmatch(names, case.name)
        for families, names in patterns
    )


def new_client(player: Player) -> WebUI:
    """Return a client of the player that knows nothing of it yet."""
    return asking.client_at(player.url, headers=f"X-Secret: {SECRET}")


@cache
def known_client(player: Player) -> WebUI:
    """Return a client of the player that keeps the lists it has read."""
    return new_client(player)


def refused(case: Case, error: BaseException, kind: str | None = None) -> None:
    """Assert that an answer became the right exception, with the server's reason and no secret."""
    message = str(error)
    assert type(error).__name__ == (kind or expected.failure(case)), message
    assert SECRET not in message
    assert "Traceback" not in message
    assert len(message) <= 400, message
    if kind is None:
        for reason in expected.reasons(case)[:1]:
            assert " ".join(reason.split())[:60] in message


# --- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", played(*GENERATE))
def test_a_generation(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    webui = known_client(player)
    player.play(case)
    plan = planned(webui, case)
    try:
        made = asking.generate(webui, plan)
    except errors.WebUIError as error:
        (sent,) = player.sent(case.path)
        if case.status == 200:
            assert made_nothing(case, sent)
            refused(case, error, "WrongModel" if expected.other_model(case, sent) else "NoImage")
        else:
            refused(case, error)
        return
    assert case.status == 200
    (sent,) = player.sent(case.path)
    images = expected.images_in(as_played(case), expected.wanted_of(sent, case.family))
    sizes = tuple(map(expected.measured, images))
    assert made.images == tuple(images)
    assert made.sizes == sizes
    assert not expected.other_model(case, sent)
    says_what_the_server_says(made, case)
    warnings = [one for one in made.warnings if one not in plan.notes]
    assert {expected.topic_of(one) for one in warnings} == expected.topics(case, sent, sizes)


def planned(webui: WebUI, case: Case) -> Plan:
    """The recorded request as a user would ask for it; where no tool would send it, as it was."""
    job = case.path.rpartition("/")[2]
    if isinstance(case.requested, dict):
        try:
            return asking.plan_of(webui, job, parameters_of(case), IMAGE)
        except errors.InvalidInput as error:
            assert case.status != 200 or is_in(case, REFUSED), error
    return asking.plan_of(webui, job, raw_parameters(case), IMAGE)


def made_nothing(case: Case, sent: Given) -> bool:
    """Whether an answer holds no image, or none that may be used."""
    wanted = expected.wanted_of(sent, case.family)
    return expected.other_model(case, sent) or not any(expected.images_in(case, wanted))


def says_what_the_server_says(made: asking.Made, case: Case) -> None:
    """Assert that the report repeats the seeds, names and numbers of the answer."""
    seeds = expected.seeds_told(case, len(made.images))
    assert made.seeds[: len(seeds)] == seeds
    assert made.model == expected.model_told(case) or not expected.model_told(case)
    assert made.sampler == expected.sampler_told(case) or not expected.sampler_told(case)
    assert told(case.answer, "steps") in (made.steps, None)
    assert told(case.answer, "cfg_scale") in (made.cfg_scale, None)


def as_played(case: Case) -> Case:
    """The case with whole images, as it goes over the line."""
    return replace(case, answer=json.loads(body_of(case)))


# --- enlarging, words, generation data -----------------------------------------------------------


@pytest.mark.parametrize("case", played("/sdapi/v1/extra-single-image"))
def test_an_enlargement(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    # KoboldCpp lists an upscaler only if it was started with one.
    lists = [one for one in cases(case.family) if one.name == "sdupscaler-get-upscalers"]
    player.play(case, *lists)
    webui = new_client(player)
    try:
        made, warnings = enlarged(webui, case)
    except errors.WebUIError as error:
        empty = case.status == 200 and not case.answer["image"]
        refused(case, error, "NoImage" if empty else None)
        return
    assert case.status == 200
    (sent,) = player.sent(case.path)
    image = base64.b64decode(as_played(case).answer["image"])
    size = expected.measured(image)
    assert (made.width, made.height) == size
    assert expected.measured(made.data) == size
    other = expected.other_size(sent, size)
    assert {expected.topic_of(one) for one in warnings} == ({"size"} if other else set())


def enlarged(webui: WebUI, case: Case) -> tuple[Image, tuple[str, ...]]:
    """The recorded request as a user would ask for it, or a plain one that no tool would refuse."""
    body = case.requested if isinstance(case.requested, dict) else {}
    given = {
        "scale": body.get("upscaling_resize", 2 if "upscaler_1" in body else 1),
        "upscaler": body.get("upscaler_1"),
        "gfpgan_visibility": body.get("gfpgan_visibility", 0 if "upscaler_1" in body else 1),
    }
    if body.get("resize_mode") == 1:
        given["size"] = f"{body['upscaling_resize_w']}x{body['upscaling_resize_h']}"
    try:
        return asking.upscale(webui, given, IMAGE)
    except errors.InvalidInput:
        return asking.upscale(webui, {"scale": 2}, IMAGE)


@pytest.mark.parametrize("case", played(*CAPTION))
def test_a_caption(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    player.play(case)
    tags = "tagger" in case.path or "deep" in str((case.requested or {}).get("model"))
    method = "deepbooru" if tags else "clip"
    webui = known_client(player)
    try:
        words = asking.caption(webui, IMAGE, method)
    except errors.WebUIError as error:
        if case.status == 200 or "list index out of range" in str(case.answer):
            # Its weights are not there: A1111 and Forge fail at that with these words.
            assert case.status == 500 or expected.words_in(case) == ""
            refused(case, error, "ModelMissing")
        else:
            refused(case, error)
        return
    assert words == expected.words_in(case) != ""


@pytest.mark.parametrize("case", played("/sdapi/v1/png-info"))
def test_generation_data_of_a_server(case: Case, players: dict[str, Player]) -> None:
    """A server that does not know is no failure: the file itself was read before."""
    player = players[case.family]
    player.play(case)
    reported = case.answer["info"] if case.status == 200 else ""
    assert asking.png_info(known_client(player), IMAGE) == reported


@pytest.mark.parametrize("case", played("/sdapi/v1/png-info"))
def test_generation_data_of_a_file(case: Case) -> None:
    """The client reads from a file what the server reads from it."""
    image = (case.requested or {}).get("image", "")
    reported = case.answer["info"] if case.status == 200 else ""
    try:
        data = base64.b64decode(image.rpartition(",")[2], validate=True)
    except ValueError:
        data = b""
    assert (read_parameters(data) or "") == reported


# --- lists ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", played(*LISTS, method="GET"))
def test_a_list(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    player.play(case)
    webui = new_client(player)
    try:
        names = asking.entries(webui, LISTS[path_of(case)])
    except errors.WebUIError as error:
        assert case.status in (401, 429)
        refused(case, error)
        return
    if case.status != 200:
        assert names is None
    else:
        assert names == expected.names_in(case)


@pytest.mark.parametrize("case", played(*MODELS, method="GET"))
def test_the_checkpoints(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    player.play(case, at={MODELS[0]: case, "/": unknown_route(case.family)})
    webui = new_client(player)
    if case.status == 200 and case.answer:
        asking.check(webui)
        names = asking.resources(webui, "models")
        assert names == [one["model_name"] for one in case.answer]
        return
    with pytest.raises(errors.WebUIError) as failed:
        asking.check(webui)
    refused(case, failed.value, "ModelMissing" if case.status == 200 else None)


@pytest.mark.parametrize("case", played(*MODELS, method="GET"))
def test_the_right_and_wrong_password(case: Case, players: dict[str, Player]) -> None:
    """The credential of the recorded request goes along, and into no message."""
    player = players[case.family]
    player.play(case, at={MODELS[0]: case})
    pair = expected.password_in(case)
    webui = asking.client_at(player.url, api_auth=pair) if pair else new_client(player)
    try:
        asking.check(webui)
    except errors.WebUIError as error:
        assert not pair or not re.search(rf"\b{pair.partition(':')[2]}\b", str(error))
        assert ("api_auth" in str(error)) == (case.status == 401)
    else:
        assert case.status == 200


@pytest.mark.parametrize("case", played("/", method="GET"))
def test_a_page_without_an_api_is_explained(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    player.play(case, at={MODELS[0]: unknown_route("a1111")})
    with pytest.raises(errors.NotAWebUI) as failed:
        asking.check(new_client(player))
    a_page = case.status == 200 and "<html" in str(case.answer)
    assert ("has no API (404). Start the WebUI with --api" in str(failed.value)) == a_page


@pytest.mark.parametrize("case", played("/sdapi/v1/options", method="GET"))
def test_the_loaded_checkpoint(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    player.play(case)
    webui = new_client(player)
    if case.status == 401:
        with pytest.raises(errors.AccessDenied) as failed:
            asking.loaded(webui)
        refused(case, failed.value)
        return
    reported = case.answer.get("sd_model_checkpoint") if case.status == 200 else ""
    assert asking.loaded(webui) == (reported or "")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_resource(family: str, players: dict[str, Player]) -> None:
    player = players[family]
    player.play()
    webui = new_client(player)
    kinds = {**asking.KINDS, MODELS[0]: "models"}
    listed = {path: asking.resources(webui, kind) for path, kind in kinds.items()}
    known = {path: names for path, names in listed.items() if names is not None}
    recorded = {path: expected.names_in(ordinary(family)["GET", path]) for path in known}
    assert known == {
        path: [one for one in names if one != "None"][:50] for path, names in recorded.items()
    }
    assert MODELS[0] in known


# --- families ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [False, True], ids=["openapi", "no-openapi"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_recognised(family: str, hidden: bool, players: dict[str, Player]) -> None:
    """By its OpenAPI document, or where a proxy hides that by its own routes."""
    player = players[family]
    nothing = unknown_route(family)
    player.play(at={"/openapi.json": nothing} if hidden else {})
    found, tasks, _ = asking.family(new_client(player))
    assert found == FAMILIES[family]
    assert tasks == (family in WITH_TASKS)


@pytest.mark.parametrize("case", played(*SIGNS, method="GET"))
def test_a_sign_of_a_family(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    hides = {"/openapi.json": unknown_route(case.family)}
    player.play(case, at={} if path_of(case) in hides else hides)
    found, tasks, schedulers = asking.family(new_client(player))
    match path_of(case):
        case "/openapi.json":
            paths = case.answer["paths"] if case.status == 200 else {}
            known = "force_task_id" in json.dumps(case.answer)
            assert tasks == (known and case.family in WITH_TASKS and "/internal/progress" in paths)
            # SD.Next has the route, but it fails.
            listed = "/sdapi/v1/schedulers" in paths and case.family != "sdnext"
            assert schedulers == listed or not paths
        case "/internal/pending-tasks":
            assert tasks == (case.status == 200 and case.family in WITH_TASKS)
        case _ if case.status == 200:
            assert found == FAMILIES[case.family]
        case _:
            assert found in (FAMILIES[case.family], "a1111")


# --- where a job stands --------------------------------------------------------------------------


@pytest.mark.parametrize("case", played("/internal/progress"))
def test_where_a_job_stands(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    stopped = next(
        one
        for one in cases(case.family)
        if path_of(one) == "/sdapi/v1/interrupt" and one.status == 200
    )
    player.play(case, stopped)
    webui = known_client(player)
    plan = asking.plan_of(webui, "txt2img", {"prompt": "a cat", "size": "64x64"}, IMAGE)
    reported = asking.handle_timeout(webui, plan)
    state = case.answer if case.status == 200 else {}
    share = round(100 * (state.get("progress") or 0))
    if case.status != 200:
        words = "did not tell where the job stands"
    elif state["queued"]:
        words = "was still waiting in the server's queue behind "
    elif state["active"]:
        words = f"was running at {share}% and was interrupted"
    elif state["completed"]:
        words = "is done, but its answer did not arrive"
    else:
        words = "is unknown to it"
    assert words in reported
    assert len(reported) <= 400
    assert len(player.sent("/sdapi/v1/interrupt")) == bool(state.get("active"))


@pytest.mark.parametrize("case", played("/sdapi/v1/interrupt"))
def test_a_job_is_interrupted(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    name = "running-internal-progress-by-force_task_id"
    running = next(one for one in cases(case.family) if one.name == name)
    player.play(case, running)
    webui = known_client(player)
    plan = asking.plan_of(webui, "txt2img", {"prompt": "a cat", "size": "64x64"}, IMAGE)
    reported = asking.handle_timeout(webui, plan)
    done = "was interrupted" if case.status == 200 else "could not be interrupted and goes on"
    assert done in reported


@pytest.mark.parametrize(
    "case",
    as_parameters(
        case
        for family, paths in NOT_ASKED.items()
        for case in cases(family)
        if case.method == "POST" and path_of(case) in paths
    ),
)
def test_what_a_family_cannot_do_is_not_asked_of_it(case: Case, players: dict[str, Player]) -> None:
    player = players[case.family]
    player.play(case)
    webui = known_client(player)
    if "extra" in case.path:
        with pytest.raises(errors.Unsupported):
            asking.upscale(webui, {"scale": 2}, IMAGE)
    elif case.family == "sdcpp" and "interrogate" in case.path:
        with pytest.raises(errors.Unsupported):
            asking.caption(webui, IMAGE, "clip")
    elif "interrogate" in case.path:
        with pytest.raises(errors.WebUIError):
            asking.caption(webui, IMAGE, "clip")
    else:
        plan = asking.plan_of(webui, "txt2img", {"prompt": "a cat", "size": "64x64"}, IMAGE)
        assert "cannot tell where the job stands" in asking.handle_timeout(webui, plan)
    assert player.sent(path_of(case)) == []


# --- all of them ---------------------------------------------------------------------------------


def why_left_out(case: Case) -> str:
    """Why a case stands in no test; "" if it stands in one."""
    if (case.family, case.name) in _parametrized:
        return ""
    posts = {*GENERATE, *CAPTION, "/sdapi/v1/extra-single-image", "/sdapi/v1/png-info",
             "/internal/progress", "/sdapi/v1/interrupt"}  # fmt: skip
    gets = {*LISTS, *MODELS, *SIGNS, "/", "/sdapi/v1/options"}
    path = path_of(case)
    if path not in posts | gets:
        return "a path that the client does not use"
    if path not in {"GET": gets, "POST": posts}.get(case.method, ()):
        return "asked by another method than the client's"
    return "forgotten"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_case_is_played_or_left_out_for_a_reason(family: str) -> None:
    counts = Counter(map(why_left_out, cases(family)))
    assert counts["forgotten"] == 0
    assert counts[""] >= PLAYED[family]
    assert counts["asked by another method than the client's"] < 40
