"""sd_img2img: a whole image changed, and files that are none."""

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from devkit.faults import FAMILIES
from devkit.files import FileServer
from devkit.host import PluginError, PluginHost, ToolResult
from devkit.simulator import Simulator
from tests.e2e.conftest import PROVIDER, credentials, generations, names
from tests.e2e.images import opened, plain, png

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]


@pytest.mark.parametrize("family", FAMILIES)
def test_it_takes_the_images_own_size(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    sim = simulators(family)
    file = files.add(plain((192, 128)), "in.png")
    result = invoke(sim, "sd_img2img", {"image": file, "prompt": "a cat", "steps": 2, "seed": 3})
    assert opened(result).size == (192, 128)
    assert result.files[0].filename.startswith("img2img-3.")
    assert result.variables["warnings"] == []
    (one,) = generations(sim)
    assert one["path"] == "/sdapi/v1/img2img"
    assert one["body"]["denoising_strength"] == 0.75


@pytest.mark.parametrize(
    ("size", "made"), [("256x128", (256, 128)), ("96", (96, 96)), ("256x", (256, 168))]
)
def test_it_makes_another_size(
    invoke: Invoke, sim: Simulator, files: FileServer, size: str, made: tuple[int, int]
) -> None:
    requested = {"image": files.add(plain((192, 128)), "in.png"), "prompt": "a", "steps": 2}
    assert opened(invoke(sim, "sd_img2img", {**requested, "size": size})).size == made


def test_what_is_transparent_becomes_white_with_a_word(
    invoke: Invoke, sim: Simulator, files: FileServer
) -> None:
    image = Image.new("RGBA", (128, 128), "navy")
    image.paste((0, 0, 0, 0), (64, 0, 128, 128))
    requested = {"image": files.add(png(image), "in.png"), "prompt": "a", "steps": 2}
    assert invoke(sim, "sd_img2img", requested).variables["warnings"] == [
        "The transparent parts of image became white. To repaint just these, inpaint the image."
    ]
    (one,) = generations(sim)
    assert "mask" not in one["body"]


@pytest.mark.parametrize("tool", ["sd_img2img", "sd_inpaint", "sd_outpaint"])
@pytest.mark.parametrize(
    ("data", "reported"),
    [
        (b"", "image: the file is empty"),
        (b"hello", "image: "),
        (plain()[:200], "image: the PNG file is damaged"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 32, "image: this is a HEIC image"),
    ],
)
def test_what_is_no_image_never_reaches_the_server(
    invoke: Invoke, sim: Simulator, files: FileServer, tool: str, data: bytes, reported: str
) -> None:
    with pytest.raises(PluginError, match=reported):
        invoke(sim, tool, {"image": files.add(data, "in.png"), "prompt": "a"})
    assert generations(sim) == []


@pytest.mark.parametrize(
    ("tool", "image"),
    [
        ("sd_img2img", "image"),
        ("sd_inpaint", "image"),
        ("sd_outpaint", "image"),
        ("sd_controlnet", "control_image"),
        ("sd_upscale", "images"),
        ("sd_caption", "image"),
        ("sd_png_info", "image"),
    ],
)
def test_a_missing_image_is_said(invoke: Invoke, sim: Simulator, tool: str, image: str) -> None:
    requested = {image: [None] if image == "images" else None}
    for given in ({}, requested):
        with pytest.raises(PluginError) as caught:
            invoke(sim, tool, given)
        assert caught.value.error_type == "InvokeBadRequestError"
        assert caught.value.message.startswith(f"{image} is missing: hand over an image file.")
    assert sim.journal() == []


def test_an_id_is_no_use_in_a_node(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    with pytest.raises(PluginError, match=r"^image_id is for agents: in a workflow hand the image"):
        invoke(sim, "sd_img2img", {"prompt": "a", "image_id": "last"})
    # What a builder types there beside an image does no harm.
    requested = {"image": files.add(plain(), "in.png"), "prompt": "a", "steps": 1, "image_id": "x"}
    assert len(invoke(sim, "sd_img2img", requested).files) == 1


def test_the_face_detailer_works_here_too(
    plugin: PluginHost, sim: Simulator, files: FileServer
) -> None:
    access = credentials(sim)
    requested: dict[str, Any] = {"prompt": "a", "steps": 1, "image": files.add(plain(), "a.png")}
    requested["face_detailer"] = names(plugin, access, "face_detailers")[0]
    result = plugin.invoke(PROVIDER, "sd_img2img", access, requested)
    assert result.variables["warnings"] == []
    (one,) = generations(sim)
    assert "ADetailer" in one["body"]["alwayson_scripts"]


@pytest.mark.parametrize("family", ["sdcpp", "koboldcpp"])
def test_a_resize_mode_that_a_server_does_not_know_is_told(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    requested = {"image": files.add(plain(), "in.png"), "prompt": "a cat", "steps": 2}
    filled = {**requested, "size": "192x128", "resize_mode": "fill"}
    assert invoke(simulators(family), "sd_img2img", filled).variables["warnings"] == [
        "resize_mode fill is not known to this server; the image was cropped."
    ]
