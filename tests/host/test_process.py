"""The plugin host speaks Dify's protocol, and sees what a daemon would only choke on."""

import json
import time
from pathlib import Path

import pytest

from devkit.host import Call, PluginDied, PluginError, PluginHost, ServerlessPlugin
from tests.host.fixture import CREDENTIALS, FOLDER, act, start
from tests.serverless import invoke


def test_the_first_line_is_the_manifest(host: PluginHost) -> None:
    assert host.manifest["name"] == "host_fixture"
    assert host.start_seconds > 0


def test_good_credentials_pass(host: PluginHost) -> None:
    host.validate_credentials("fixture", CREDENTIALS)
    assert host.violations == []


def test_bad_credentials_raise_the_plugins_own_message(host: PluginHost) -> None:
    with pytest.raises(PluginError, match="say please") as caught:
        host.validate_credentials("fixture", {"word": "now"})
    assert caught.value.error_type == "ToolProviderCredentialValidationError"


def test_texts_jsons_and_variables(host: PluginHost) -> None:
    result = act(
        host,
        ["text", "a"],
        ["text", "b"],
        ["json", {"deep": [1]}],
        ["variable", "seeds", [1, 2]],
        ["variable", "model", "m"],
    )
    assert result.text == "ab"
    assert result.jsons == ({"deep": [1]},)
    assert result.variables == {"seeds": [1, 2], "model": "m"}
    assert [message["type"] for message in result.raw_messages] == [
        "text",
        "text",
        "json",
        "variable",
        "variable",
    ]


def test_files_are_joined_from_their_chunks(host: PluginHost) -> None:
    result = act(host, ["blob", 25600, "a.png", "image/png"], ["blob", 256, "b", "x/y"])
    first, second = result.files
    assert first.data == b"".join(number.to_bytes(4) for number in range(6400))
    assert (first.size, first.filename, first.mime_type) == (25600, "a.png", "image/png")
    assert (second.size, second.filename, second.mime_type) == (256, "b", "x/y")
    assert [message["message"]["blob"] for message in result.raw_messages] == ["", ""]


def test_data_can_be_discarded_and_is_still_counted() -> None:
    with PluginHost(FOLDER, keep_data=False) as host:
        (file,) = act(host, ["blob", 25600 + 256, "a.png", "image/png"]).files
        assert (file.data, file.size) == (b"", 25856)
        assert host.violations == []
        assert host.process.memory_info().rss > 2**20
    assert not host.process.is_running()


def test_times_are_in_order(host: PluginHost) -> None:
    result = act(host, ["sleep", 0.1], ["blob", 256, "a", "x/y"], ["sleep", 0.1])
    assert result.first_chunk is not None
    assert 0.1 <= result.first_chunk < result.seconds
    assert result.seconds >= 0.2


def test_without_a_file_there_is_no_time_of_one(host: PluginHost) -> None:
    assert act(host, ["text", "a"]).first_chunk is None


def test_a_raised_exception_comes_out_of_wait(host: PluginHost) -> None:
    call = start(host, ["text", "a"], ["raise", "no such luck"])
    with pytest.raises(PluginError, match="no such luck") as caught:
        call.wait(20)
    assert caught.value.error_type == "ValueError"
    assert "act.py" in caught.value.details["traceback"]
    assert [message["type"] for message in call.messages] == ["text"]


def test_calls_run_at_once_and_are_not_mixed_up(host: PluginHost) -> None:
    began = time.monotonic()
    calls = [
        start(host, ["sleep", 1.0], ["blob", 256 * 33 * (number + 1), str(number), "x/y"])
        for number in range(8)
    ]
    files = [call.wait(20).files for call in calls]
    assert time.monotonic() - began < 6
    assert [[(file.filename, file.size) for file in one] for one in files] == [
        [(str(number), 256 * 33 * (number + 1))] for number in range(8)
    ]


def test_a_wait_can_time_out_and_be_repeated(host: PluginHost) -> None:
    call = start(host, ["sleep", 1.0], ["text", "late"])
    with pytest.raises(TimeoutError):
        call.wait(0.05)
    assert not call.over
    assert call.wait(20).text == "late"
    assert call.over


def test_heartbeats_are_recorded(host: PluginHost) -> None:
    act(host, ["sleep", 1.0])
    assert len(host.heartbeats) >= 2
    assert host.heartbeats == sorted(host.heartbeats)


def test_log_messages_show_in_the_raw_messages(host: PluginHost) -> None:
    result = act(host, ["log", "psst"])
    assert [message["type"] for message in result.raw_messages] == ["log"]


@pytest.mark.parametrize("line", ["so far so good", '"a JSON string"', '{"event": "mood"}'])
def test_what_is_not_the_protocol_is_recorded(sloppy: PluginHost, line: str) -> None:
    assert act(sloppy, ["print", line], ["text", "a"]).text == "a"
    (violation,) = sloppy.violations
    assert json.dumps(line)[1:-1].replace('\\"', '"') in violation


def test_a_line_over_5_mb_is_recorded(sloppy: PluginHost) -> None:
    act(sloppy, ["text", "x" * (5 * 2**20)])
    (violation,) = sloppy.violations
    assert "a line of 52" in violation


CHUNK = {"id": "f", "sequence": 0, "total_length": 3, "blob": "YWJj", "end": False}
CLOSING = {**CHUNK, "sequence": 1, "blob": "", "end": True}


def receive(call: Call, chunk: dict[str, object]) -> str:
    return call.receive("stream", {"type": "blob_chunk", "message": chunk})


def test_a_file_that_never_ends_is_a_violation() -> None:
    call = Call()
    assert receive(call, CHUNK) == ""
    assert call.receive("end", {}) == "1 files never got their closing chunk"


def test_a_chunk_out_of_its_turn_is_a_violation() -> None:
    call = Call()
    assert receive(call, CHUNK) == ""
    assert receive(call, CHUNK) == "chunk 0 of a file where 1 was due"


def test_a_file_of_another_length_than_its_own_is_a_violation() -> None:
    call = Call()
    assert receive(call, CHUNK) == ""
    assert receive(call, {**CLOSING, "total_length": 4}) == "a file of 4 bytes came as 3"


def test_a_file_that_an_error_cuts_off_is_none() -> None:
    call = Call()
    receive(call, CHUNK)
    call.receive("error", {"error_type": "ValueError", "message": "no such luck"})
    assert call.receive("end", {}) == ""
    with pytest.raises(PluginError, match="no such luck"):
        call.wait(0)


def test_stderr_is_captured(host: PluginHost) -> None:
    act(host, ["warn", "smells of smoke"])
    deadline = time.monotonic() + 5
    while "smells of smoke" not in host.stderr and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "smells of smoke" in host.stderr


def test_a_plugin_that_dies_fails_its_calls_and_those_after_it() -> None:
    with PluginHost(FOLDER) as host:
        call = start(host, ["warn", "goodbye"], ["exit", 3])
        with pytest.raises(PluginDied, match=r"status 3[^$]*goodbye"):
            call.wait(20)
        with pytest.raises(PluginDied, match="status 3"):
            start(host, ["text", "a"])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit('no manifest here')", r"status 1[^$]*no manifest here"),
        ("print('hello'); import time; time.sleep(9)", "no manifest but b'hello"),
    ],
)
def test_a_plugin_that_cannot_start_tells_why(tmp_path: Path, code: str, words: str) -> None:
    (tmp_path / "main.py").write_text(code)
    with pytest.raises(PluginDied, match=words):
        PluginHost(tmp_path)


@pytest.mark.parametrize("kind", [PluginHost, ServerlessPlugin])
def test_a_plugin_that_never_starts_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[PluginHost | ServerlessPlugin]
) -> None:
    (tmp_path / "main.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr("devkit.host.process.START_SECONDS", 0.2)
    monkeypatch.setattr("devkit.host.serverless.BANNER_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(PluginDied):
        kind(tmp_path)
    assert time.monotonic() - began < 10


def test_a_serverless_plugin_hands_over_the_same() -> None:
    with ServerlessPlugin(FOLDER) as plugin:
        script = json.dumps([["text", "a"], ["blob", 25600, "a.png", "image/png"]])
        result = invoke(plugin, "fixture", "act", CREDENTIALS, {"script": script})
        assert result.text == "a"
        assert [(file.size, file.filename) for file in result.files] == [(25600, "a.png")]
        with pytest.raises(PluginError, match="no such luck"):
            invoke(plugin, "fixture", "act", CREDENTIALS, {"script": '[["raise", "no such luck"]]'})


def test_a_serverless_start_without_banner_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise SystemExit('no flask here')")
    with pytest.raises(PluginDied, match="no flask here"):
        ServerlessPlugin(tmp_path)
