"""The plugin host speaks Dify's protocol, and sees what a daemon would only choke on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devkit.host import Call, PluginDied, PluginError, PluginHost, ServerlessPlugin

FIXTURE = Path(__file__).parent / "host_fixture_plugin"
CREDENTIALS = {"word": "please"}


@pytest.fixture(scope="module")
def host() -> Iterator[PluginHost]:
    with PluginHost(FIXTURE, env={"HEARTBEAT_INTERVAL": "0.2"}) as host:
        yield host


def act(host: PluginHost, *steps: list[Any]) -> Call:
    return host.start("fixture", "act", CREDENTIALS, {"script": json.dumps(steps)})


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
    ).wait(20)
    assert result.texts == ("a", "b")
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
    result = act(host, ["blob", 25600, "a.png", "image/png"], ["blob", 256, "b", "x/y"]).wait(20)
    first, second = result.files
    assert first.data == b"".join(number.to_bytes(4) for number in range(6400))
    assert (first.size, first.filename, first.mime_type) == (25600, "a.png", "image/png")
    assert (second.size, second.filename, second.mime_type) == (256, "b", "x/y")


def test_raw_messages_hold_no_file_bytes(host: PluginHost) -> None:
    result = act(host, ["blob", 25600, "a.png", "image/png"]).wait(20)
    assert [message["message"]["blob"] for message in result.raw_messages] == [""]


def test_data_can_be_discarded_and_is_still_counted() -> None:
    with PluginHost(FIXTURE, keep_data=False) as host:
        (file,) = act(host, ["blob", 25600 + 256, "a.png", "image/png"]).wait(20).files
        assert (file.data, file.size) == (b"", 25856)
        assert host.violations == []


def test_timings_are_in_order(host: PluginHost) -> None:
    result = act(host, ["text", "a"], ["sleep", 0.2], ["blob", 256, "a", "x/y"], ["sleep", 0.2])
    timings = result.wait(20).timings
    assert timings.first_message is not None
    assert timings.first_blob_chunk is not None
    assert timings.first_message < 0.2
    assert 0.2 <= timings.first_blob_chunk < 0.4
    assert timings.end >= 0.4


def test_without_a_file_there_is_no_time_of_one(host: PluginHost) -> None:
    assert act(host, ["text", "a"]).wait(20).timings.first_blob_chunk is None


def test_a_raised_exception_comes_out_of_wait(host: PluginHost) -> None:
    call = act(host, ["text", "a"], ["raise", "no such luck"])
    with pytest.raises(PluginError, match="no such luck") as caught:
        call.wait(20)
    assert caught.value.error_type == "ValueError"
    assert "act.py" in caught.value.traceback
    assert [message["type"] for message in call.messages] == ["text"]


def test_calls_run_at_once_and_are_not_mixed_up(host: PluginHost) -> None:
    began = time.monotonic()
    calls = [
        act(host, ["sleep", 0.5], ["blob", 256 * 33 * (number + 1), str(number), "x/y"])
        for number in range(8)
    ]
    files = [call.wait(20).files for call in calls]
    assert time.monotonic() - began < 0.5 * 4
    assert [[(file.filename, file.size) for file in one] for one in files] == [
        [(str(number), 256 * 33 * (number + 1))] for number in range(8)
    ]


def test_a_wait_can_time_out_and_be_repeated(host: PluginHost) -> None:
    call = act(host, ["sleep", 0.5], ["text", "late"])
    with pytest.raises(TimeoutError):
        call.wait(0.05)
    assert not call.over
    assert call.wait(20).text == "late"
    assert call.over


def test_heartbeats_are_recorded(host: PluginHost) -> None:
    act(host, ["sleep", 0.5]).wait(20)
    assert len(host.heartbeats) >= 2
    assert host.heartbeats == sorted(host.heartbeats)


def test_log_messages_show_in_the_raw_messages(host: PluginHost) -> None:
    result = act(host, ["log", "psst"]).wait(20)
    assert [message["type"] for message in result.raw_messages] == ["log"]


def test_a_well_behaved_plugin_violates_nothing(host: PluginHost) -> None:
    act(host, ["text", "a"], ["blob", 25600, "a", "x/y"]).wait(20)
    assert host.violations == []


@pytest.mark.parametrize("line", ["so far so good", '"a JSON string"', '{"event": "mood"}'])
def test_what_is_not_the_protocol_is_recorded(line: str) -> None:
    with PluginHost(FIXTURE) as host:
        assert act(host, ["print", line], ["text", "a"]).wait(20).text == "a"
        (violation,) = host.violations
        assert json.dumps(line)[1:-1].replace('\\"', '"') in violation


CHUNK = {"id": "f", "sequence": 0, "total_length": 3, "blob": "YWJj", "end": False}


def test_a_file_that_never_ends_is_a_violation() -> None:
    call = Call("session")
    assert call.take("stream", {"type": "blob_chunk", "message": CHUNK}) == ""
    assert call.take("end", {}) == "1 files never got their closing chunk"


def test_a_file_that_an_error_cuts_off_is_none() -> None:
    call = Call("session")
    call.take("stream", {"type": "blob_chunk", "message": CHUNK})
    call.take("error", {"error_type": "ValueError", "message": "no such luck"})
    assert call.take("end", {}) == ""
    with pytest.raises(PluginError, match="no such luck"):
        call.wait(0)


def test_a_line_over_5_mb_is_recorded() -> None:
    with PluginHost(FIXTURE) as host:
        act(host, ["text", "x" * (5 * 2**20)]).wait(20)
        (violation,) = host.violations
        assert "a line of 52" in violation


def test_stderr_is_captured(host: PluginHost) -> None:
    act(host, ["warn", "smells of smoke"]).wait(20)
    deadline = time.monotonic() + 5
    while "smells of smoke" not in host.stderr and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "smells of smoke" in host.stderr


def test_a_plugin_that_dies_fails_its_calls_and_those_after_it() -> None:
    with PluginHost(FIXTURE) as host:
        call = act(host, ["warn", "goodbye"], ["exit", 3])
        with pytest.raises(PluginDied, match=r"status 3[^$]*goodbye"):
            call.wait(20)
        with pytest.raises(PluginDied, match="status 3"):
            act(host, ["text", "a"])


def test_a_plugin_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise SystemExit('no manifest here')")
    with pytest.raises(PluginDied, match="no manifest here"):
        PluginHost(tmp_path)


def test_a_first_line_that_is_no_manifest_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print('hello'); import time; time.sleep(9)")
    with pytest.raises(PluginDied, match="hello"):
        PluginHost(tmp_path)


def test_leaving_the_context_ends_the_process() -> None:
    with PluginHost(FIXTURE) as host:
        process = host.process
        assert process.memory_info().rss > 2**20
    assert not process.is_running()


def test_the_serverless_runtime_prints_its_banner() -> None:
    with ServerlessPlugin(FIXTURE) as plugin:
        assert 0 < plugin.start_seconds < 20


def test_a_serverless_plugin_hands_over_the_same() -> None:
    with ServerlessPlugin(FIXTURE) as plugin:
        script = json.dumps([["text", "a"], ["blob", 25600, "a.png", "image/png"]])
        result = plugin.invoke("fixture", "act", CREDENTIALS, {"script": script})
        assert result.text == "a"
        assert [(file.size, file.filename) for file in result.files] == [(25600, "a.png")]
        with pytest.raises(PluginError, match="no such luck"):
            plugin.invoke("fixture", "act", CREDENTIALS, {"script": '[["raise", "no such luck"]]'})


def test_a_serverless_start_without_banner_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise SystemExit('no flask here')")
    with pytest.raises(PluginDied, match="no flask here"):
        ServerlessPlugin(tmp_path)
