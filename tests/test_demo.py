"""``make demo``: images and a contact sheet on every family, or the plugin's own words."""

import io
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image

from devkit.demo.__main__ import ROOT, main
from devkit.demo.outcome import save
from devkit.demo.steps import Name, Step, chat, from_an_image, from_words
from devkit.host import PluginHost, ToolFile, ToolResult
from devkit.simulator import Simulator

IMAGES = {
    *(f"txt2img-{seed}.png" for seed in (1235, 1236, 1237, 1238, 11, 2026, 41, 53)),
    "txt2img-1235-2.png", "txt2img-1235-3.png", "txt2img-23.jpg", "txt2img-37.webp",
    "img2img-1245.png", "img2img-54.png", "inpaint-1235.png", "outpaint-1235.png",
    "controlnet-1235.png", "upscale-1.png", "upscale-1-2.png",
}  # fmt: skip

LEFT_OUT = {
    "a1111-1.6": ["sd_list_resources"],
    "forge": [],
    "sdnext": [
        "sd_list_resources",
        "sd_txt2img (face detailer)",
        "sd_controlnet (along its edges)",
        "sd_upscale (twice as large)",
        "sd_upscale (and enlarges it)",
    ],
    "sdcpp": [
        "sd_list_resources",
        "sd_txt2img (face detailer)",
        "sd_controlnet (along its edges)",
        "sd_upscale (twice as large)",
        "sd_caption (in words)",
        "sd_upscale (and enlarges it)",
    ],
    "koboldcpp": [
        "sd_list_resources",
        "sd_txt2img (hires fix)",
        "sd_txt2img (face detailer)",
        "sd_controlnet (along its edges)",
        "sd_upscale (twice as large)",
        "sd_caption (in words)",
        "sd_upscale (and enlarges it)",
    ],
}


@pytest.fixture
def one_plugin(plugin: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demonstration uses the process of all tests, instead of starting one each time."""
    monkeypatch.setattr("devkit.demo.__main__.PluginHost", lambda _root: nullcontext(plugin))


def test_what_the_richest_server_gives(tmp_path: Path) -> None:
    """As ``make demo`` runs it: a process of its own, with the plugin and a simulated WebUI."""
    answer = subprocess.run(
        [sys.executable, "-m", "devkit.demo"], cwd=ROOT, text=True, timeout=120, check=False,
        env={**os.environ, "OUT": str(tmp_path), "PROMPT": "a red barn"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    text = answer.stdout
    assert answer.returncode == 0, text
    assert text.startswith("Simulated WebUI: a1111 at http://127.0.0.1:")
    assert "Not on this server" not in text
    assert "Warning" not in text
    assert {path.name for path in tmp_path.iterdir()} == {*IMAGES, "contact-sheet.png"}
    assert (
        "Found: 5 models, 3 LoRAs, 20 samplers, 12 schedule types, 12 upscalers, 2 VAEs, 3 styles, "
        "2 embeddings, 3 ControlNet models, 4 face detailers\n"
    ) in text
    assert "  txt2img-1236.png: 512×512, image/png, " in text
    assert " bytes, seed 1236\n" in text
    sizes = {path.name: Image.open(path).size for path in tmp_path.iterdir()}
    assert sizes["txt2img-23.jpg"] == (512, 768)
    assert sizes["txt2img-1235-2.png"] == (768, 768)
    assert sizes["outpaint-1235.png"] == (1024, 512)
    assert sizes["upscale-1-2.png"] == (1024, 1024)
    again = (tmp_path / "txt2img-1235-3.png").read_bytes()
    assert again == (tmp_path / "txt2img-1235.png").read_bytes()
    assert Image.open(tmp_path / "txt2img-1235.png").info["parameters"].startswith("a red barn\n")


@pytest.mark.usefixtures("one_plugin")
@pytest.mark.parametrize("family", LEFT_OUT)
def test_every_family_does_what_it_can(
    family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main({"OUT": str(tmp_path), "FAMILY": family})
    text = capsys.readouterr().out
    assert status == 0, text
    assert f"Simulated WebUI: {family} at http://127.0.0.1:" in text
    assert "Credentials: good" in text
    assert "Failed" not in text
    _, _, listed = text.partition("Not on this server:\n")
    lines = [line.strip() for line in listed.splitlines()]
    assert [line.partition(": ")[0] for line in lines] == LEFT_OUT[family]
    assert all(line.endswith((".", '"')) for line in lines)
    names = {path.name for path in tmp_path.iterdir()} - {"contact-sheet.png"}
    assert all(f" {name}: " in text for name in names)
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.width == 1240
        assert sheet.height > 1000


def test_the_committed_sheet_is_one_of_the_demo() -> None:
    path = ROOT / "docs" / "contact-sheet.png"
    assert path.stat().st_size <= 600_000
    with Image.open(path) as sheet:
        assert sheet.width == 1240


def test_the_steps_show_every_tool() -> None:
    steps = [*from_words("a"), *from_an_image("a", {}), *chat()]
    assert {step.tool for step in steps} == {path.stem for path in (ROOT / "tools").glob("*.yaml")}
    titles = [step.title for step in steps]
    assert len(titles) == len(set(titles))


def test_names_are_taken_from_what_the_server_lists() -> None:
    name = Name("upscalers", "esrgan", "1.5", "1.5, {}, 0.4")
    offered = {"upscalers": ["Lanczos", "R-ESRGAN 4x+"]}
    assert name.chosen(offered) == "1.5, R-ESRGAN 4x+, 0.4"
    assert name.chosen({"upscalers": ["Lanczos"]}) == "1.5, Lanczos, 0.4"
    assert name.chosen({"upscalers": []}) == name.chosen({}) == "1.5"


@pytest.mark.usefixtures("one_plugin")
def test_a_real_server_is_taken_instead_and_its_model_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(family="sdcpp", auth=None) as sim:
        given = {"BASE_URL": sim.url, "FAMILY": "a1111", "OUT": str(tmp_path)}
        assert main(given) == 0
        text = capsys.readouterr().out
        assert "Simulated WebUI" not in text
        assert "stable-diffusion.cpp cannot put images into words." in text
        assert main({**given, "MODEL": "no-such-model"}) == 2
        assert "The server has no model 'no-such-model'." in capsys.readouterr().out


@pytest.mark.usefixtures("one_plugin")
@pytest.mark.parametrize("well", [0, 4])
def test_a_step_that_fails_is_reported_and_the_rest_goes_on(
    well: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(fault="oom", fault_after=well, fault_count=1) as broken:
        assert main({"BASE_URL": broken.url, "OUT": str(tmp_path)}) == 1
    text = capsys.readouterr().out
    assert len(re.findall("^Failed: ", text, re.MULTILINE)) == 1
    assert "Failed: sd_txt2img" in text
    assert "sd_list_resources: what there is" in text
    assert (tmp_path / "contact-sheet.png").exists()


@pytest.mark.usefixtures("one_plugin")
def test_a_server_that_makes_no_image_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(fault="oom", extensions=["adetailer"]) as broken:
        assert main({"BASE_URL": broken.url, "OUT": str(tmp_path)}) == 1
    assert capsys.readouterr().out.count("Failed: sd_txt2img") == len(from_words("a"))
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("one_plugin")
def test_nothing_at_the_address_gives_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main({"BASE_URL": "http://127.0.0.1:9", "OUT": str(tmp_path / "out")}) == 2
    first, *others = capsys.readouterr().out.strip().splitlines()
    assert first.startswith("Plugin stable_diffusion_webui ")
    assert len(others) == 1
    assert others[0].startswith("Nothing listens at http://127.0.0.1:9 (connection refused).")
    assert not (tmp_path / "out").exists()


def test_an_unknown_family_names_those_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main({"FAMILY": "a1112", "OUT": str(tmp_path / "out")}) == 2
    assert capsys.readouterr().out == (
        "There is no simulated a1112; FAMILY is one of a1111, a1111-1.6, forge, sdnext, sdcpp, "
        "koboldcpp.\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_hands_over_any_prompt() -> None:
    prompt = 'a "quoted" `date` for $5, it\'s $(shell date) # bare'
    given = ["make", "-s", "-o", ".venv/.ready", "demo", "PY=env #", f"PROMPT={prompt}"]
    answer = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"PROMPT={prompt}" in answer.stdout.splitlines()


def test_files_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("RGB", (3, 2)).save(data, "PNG")
    file = ToolFile(data.getvalue(), len(data.getvalue()), "image/png", "../a.png")
    result = ToolResult("", (), {}, (file, file), (), 0.1)
    images = save(Step("x", "sd_upscale", {}), result, tmp_path, set()).images
    facts = f"3×2, image/png, {file.size} bytes"
    assert images == {tmp_path / "a.png": facts, tmp_path / "a-2.png": facts}
