"""``make demo``: images, contact sheets and a table, or the plugin's own message."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from devkit.demo.__main__ import ROOT, run
from devkit.demo.outcome import saved
from devkit.demo.steps import Step, first_page, second_page
from devkit.host import Timings, ToolFile, ToolResult
from devkit.simulator import Simulator

TOOLS = {"txt2img", "img2img", "upscale", "caption", "png_info", "list_resources", "controlnet"}


def printed(environment: dict[str, str], folder: Path) -> tuple[int, str]:
    out = io.StringIO()
    status = run({"OUT": str(folder), **environment}, Console(file=out, width=100))
    return status, out.getvalue()


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(family="sdcpp", auth=None) as sim:
        yield sim


def test_the_whole_demonstration(tmp_path: Path) -> None:
    status, text = printed({"PROMPT": "a red barn"}, tmp_path)
    assert status == 0, text
    assert "Credentials: good" in text
    assert "model 5, sampler 20, scheduler 12" in text
    assert "failed" not in text
    names = {path.name for path in tmp_path.iterdir()}
    assert len([name for name in names if name.startswith("txt2img-")]) == 9
    for tool in TOOLS:
        assert f"{tool}: " in text
    for name in names - {"contact-sheet.png", "contact-sheet-2.png"}:
        assert name in text
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.width > 1000
    with Image.open(tmp_path / "contact-sheet-2.png") as sheet:
        assert sheet.height > 1000


def test_pages_show_every_tool_once() -> None:
    steps = first_page("a") + second_page("a", {})
    assert {step.tool for step in steps} == TOOLS


def test_a_server_that_lacks_a_tool_leaves_the_step_out(sim: Simulator, tmp_path: Path) -> None:
    _, text = printed({"BASE_URL": sim.url}, tmp_path)
    assert "controlnet (guided by its edges): this server has nothing for it." in text
    assert "Simulated WebUI" not in text


def test_failed_steps_are_told_and_the_rest_goes_on(sim: Simulator, tmp_path: Path) -> None:
    """stable-diffusion.cpp cannot caption an image."""
    status, text = printed({"BASE_URL": sim.url}, tmp_path)
    assert status == 1
    assert "caption (in words) failed: " in text
    assert "list_resources: what there is" in text
    assert "Traceback" not in text


def test_an_unreachable_server_ends_it_with_the_plugins_message(tmp_path: Path) -> None:
    status, text = printed({"BASE_URL": "http://127.0.0.1:9"}, tmp_path)
    assert status == 1
    assert "Nothing listens at http://127.0.0.1:9" in text
    assert "Traceback" not in text


def test_an_unknown_model_ends_it_with_the_plugins_message(sim: Simulator, tmp_path: Path) -> None:
    status, text = printed({"BASE_URL": sim.url, "MODEL": "no-such-model"}, tmp_path)
    assert status == 1
    assert "no-such-model" in text


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_hands_over_any_prompt() -> None:
    prompt = 'a "quoted" `date` for $5, it\'s $(shell date) # bare'
    given = ["make", "-s", "-o", ".venv/.ready", "demo", "PY=env #", f"PROMPT={prompt}"]
    printed = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"PROMPT={prompt}" in printed.stdout.splitlines()


def test_files_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("RGB", (3, 2)).save(data, "PNG")
    file = ToolFile(data.getvalue(), len(data.getvalue()), "image/png", "../a.png", {})
    result = ToolResult((), (), {}, (file, file), Timings(0.0, 0.0, 0.0, 0.1), ())
    outcome = saved(Step("x", "upscale", {}), result, tmp_path, set())
    assert [shot.path for shot in outcome.shots] == [tmp_path / "a.png", tmp_path / "a-2.png"]
    assert (outcome.shots[0].width, outcome.shots[0].height) == (3, 2)
