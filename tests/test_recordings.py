"""The packs of recordings hold what the tests rely on, and nothing that is not theirs to tell."""

import base64
import json
import lzma
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import recordings
from tests.recordings import pack

CASES = {
    "a1111": 474, "forge": 527, "sdnext": 592, "sdcpp": 205, "koboldcpp": 369, "forge-neo": 474,
    "forge-neo-2026": 455, "sdcpp-native": 552, "xinference": 99, "llama-swap": 36,
}  # fmt: skip

SECRETS = {"user:pass", "x:y", "user:s3cret", "s3cret", "sk-one"}
"""What the recorded servers took; the wrong ones that they refused are no secrets."""

WRONG = {"user:nope", "userpass", "!!!", "nobody:pass", "user:wrong", "wrong", "abc", "x", ":", ""}


TELL_TALE = re.compile(
    r"/(?:root|work|home|Users)/[^\"]{0,40}|/tmp/(?!gradio)[^\"]{0,40}"
    r"|pypi|pythonhosted|npmjs|jsdelivr|anaconda\.org"
)


def packed(family: str) -> Path:
    return Path(recordings.__file__).parent / f"{family}.jsonl.xz"


def text(family: str) -> str:
    return lzma.decompress(packed(family).read_bytes()).decode()


def test_every_family_has_its_cases() -> None:
    assert {family: len(recordings.cases(family)) for family in recordings.PACKS} == CASES


def test_the_packs_stay_small() -> None:
    assert sum(packed(family).stat().st_size for family in recordings.PACKS) < 4_000_000


@pytest.mark.parametrize("family", CASES)
def test_no_path_of_a_machine_and_no_registry_is_named(family: str) -> None:
    assert TELL_TALE.findall(text(family)) == []


@pytest.mark.parametrize("family", CASES)
def test_no_secret_but_those_of_the_tests_is_kept(family: str) -> None:
    sent = [
        secret_of(value)
        for case in recordings.cases(family)
        for name, value in case.headers.items()
        if name.lower() in ("authorization", "x-api-key", "cookie")
    ]
    assert set(sent) <= SECRETS | WRONG | {"user:pässé"}


def secret_of(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return rest or scheme.removeprefix("<redacted>")
    try:
        data = base64.b64decode(rest, validate=True)
    except ValueError:
        return rest
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


@pytest.mark.parametrize("family", ["llama-swap", "xinference"])
def test_a_pack_written_again_is_the_same(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict(recordings.records(family))
    monkeypatch.setattr(pack, "FOLDER", tmp_path)
    again = pack.write(family, dict(reversed(known.items())))
    assert lzma.decompress(again.read_bytes()).decode() == text(family)
    assert pack.write(family, known).read_bytes() == again.read_bytes()


RECORDED: dict[str, Any] = {
    "request": {
        "method": "POST",
        "path": "/sdapi/v1/txt2img",
        "headers": {"Content-Type": "application/json", "Host": "127.0.0.1:7860"},
        "body": {"prompt": "a cat"},
    },
    "status": 200,
    "headers": [["Date", "today"], ["Content-Type", "application/json"]],
    "body": {"images": ["iVBOR" * 4000], "info": "{}"},
    "elapsed_s": 1.5,
}


def added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **files: object
) -> list[Mapping[str, Any]]:
    """What a pack holds after the recordings of a folder were added to it."""
    monkeypatch.setattr(pack, "FOLDER", tmp_path)
    monkeypatch.setattr(recordings, "FOLDER", tmp_path)
    folder = tmp_path / "new-family"
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    recordings.records.cache_clear()
    pack.add(folder)
    recordings.records.cache_clear()
    try:
        return list(recordings.records("new-family").values())
    finally:
        recordings.records.cache_clear()


def test_recordings_of_a_folder_are_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = added(tmp_path, monkeypatch, b=RECORDED, a=RECORDED, of_sysinfo=RECORDED)
    assert (first["name"], second["name"]) == ("a", "b")
    case = recordings.case_of("new-family", dict(first))
    assert (case.method, case.status, case.elapsed) == ("POST", 200, 1.5)
    assert case.headers == {"Content-Type": "application/json"}
    assert case.answer_headers == {"content-type": "application/json"}
    assert case.requested == {"prompt": "a cat"}
    image = "iVBOR" * 4000
    assert case.answer["images"] == [f"{image[:56]}…<base64, 20000 chars>"]


def test_what_is_no_answer_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = RECORDED | {"status": None, "exception": "RemoteDisconnected('…')"}
    over_time = {"samples": [1, 2]}
    record, samples = added(tmp_path, monkeypatch, a=closed, b=over_time, c=[1])
    assert recordings.case_of("new-family", dict(record)).status == 0
    assert samples == {"name": "b", "status": None, "samples": [1, 2]}


def test_pages_lose_what_only_a_browser_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "<!doctype html><html><head><link href=x><script>1</script></head>" + "y" * 2000
    (record,) = added(tmp_path, monkeypatch, a=RECORDED | {"body": page})
    assert record["body"] == f"<!doctype html><html><head></head>{'y' * 966}"


def test_a_raw_body_is_sent_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = RECORDED["request"] | {"body": '{"prompt": "ÿ"}', "body_is_raw_text": True}
    (record,) = added(tmp_path, monkeypatch, a_invalid_utf8_b=RECORDED | {"request": request})
    assert recordings.body_of(record["request"]) == '{"prompt": "ÿ"}'.encode()
