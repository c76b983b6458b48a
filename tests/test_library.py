"""The page on the library holds examples that work, and names all that is public."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sdwebui
from devkit.simulator import Simulator
from sdwebui.images.dimensions import size_of

PAGE = Path(__file__).parents[1] / "docs" / "library.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with Simulator(family="a1111", auth="user:password") as simulator:
        yield simulator.url.replace("http://", "http://user:password@")


def run(number: int, address: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run an example on the simulator; return what it prints."""
    code = re.sub(r"(?:http://)?192\.168\.1\.20:7860", address, EXAMPLES[number])
    exec(compile(code, f"{PAGE.name}, example {number + 1}", "exec"), {})
    return capsys.readouterr().out


def test_examples_work_one_after_the_other(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run(0, address, capsys)
    made = {file.name for file in tmp_path.iterdir()}
    assert made == {"lighthouse-7.png", "lighthouse-8.png"}
    assert size_of(Path("lighthouse-7.png").read_bytes()) == (512, 768)
    run(1, address, capsys)
    assert size_of(Path("red-sky.png").read_bytes()) == (1024, 1536)
    printed = run(2, address, capsys)
    assert "'Euler a'" in printed
    assert "no sampler 'Eulr'. Did you mean 'Euler'" in printed
    printed = run(3, address, capsys)
    assert printed.startswith("a lighthouse at dusk 7 ")
    assert printed.endswith("\n7\n")
    assert run(4, address, capsys) == ""


def test_there_are_five_examples() -> None:
    assert len(EXAMPLES) == 5


def test_public_names_are_there_and_on_the_page() -> None:
    assert set(sdwebui.__all__) <= set(dir(sdwebui))
    for name in sdwebui.__all__:
        assert getattr(sdwebui, name).__doc__, name
    imported = re.findall(r"^from sdwebui import (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name for line in imported for name in line.split(", ")} <= set(sdwebui.__all__)
    assert not hasattr(sdwebui, "Client")


def test_a_wrong_value_is_an_error_of_the_library() -> None:
    with pytest.raises(sdwebui.InvalidInput, match=r"^steps must be at most 150 \(got 151\)\."):
        sdwebui.Txt2Img(prompt="a cat", steps=151)
    with pytest.raises(sdwebui.InvalidInput, match="image is missing"):
        sdwebui.WebUI("gpu.invalid").img2img(sdwebui.Img2Img(prompt="a cat"))


def test_a_client_is_reused_by_calls_with_clocks_of_their_own(address: str) -> None:
    with sdwebui.WebUI(address) as webui:
        assert webui.call(5).deadline.end < webui.call(60).deadline.end
        for _ in range(2):
            images = webui.txt2img(
                sdwebui.Txt2Img(prompt="a cat", size=sdwebui.Size(width=64)), seconds=30
            )
            with pytest.raises(RuntimeError, match="take all of them first"):
                _ = images.report
            assert len(list(images)) == 1
            assert images.report.warnings == ()
