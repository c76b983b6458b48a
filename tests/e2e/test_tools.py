"""The tools for what people do next with an image, each through the plugin's process."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw

from devkit.faults import FAMILIES
from devkit.files import FileServer
from devkit.host import PluginError, PluginHost, ToolResult
from devkit.simulator import Simulator
from tests.e2e.conftest import PROVIDER, credentials, generations

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    """Serves images as Dify does."""
    with FileServer() as server:
        yield server


def png(image: Image.Image, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", **options)
    return target.getvalue()


def plain(size: tuple[int, int] = (128, 128), colour: str = "navy") -> bytes:
    return png(Image.new("RGB", size, colour))


def opened(result: ToolResult) -> Image.Image:
    return Image.open(io.BytesIO(result.files[0].data)).convert("RGB")


def same(one: Image.Image, other: Image.Image, box: tuple[int, int, int, int]) -> bool:
    bands = ImageChops.difference(one.crop(box), other.crop(box)).split()
    return all(max(band.tobytes()) <= 8 for band in bands)


# ---- img2img


@pytest.mark.parametrize("family", FAMILIES)
def test_img2img_takes_the_pictures_own_size(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    sim = simulators(family)
    file = files.add(plain((192, 128)), "in.png")
    result = invoke(sim, "img2img", {"image": file, "prompt": "a cat", "steps": 2, "seed": 3})
    assert opened(result).size == (192, 128)
    assert result.files[0].filename.startswith("img2img-3.")
    assert result.variables["warnings"] == []
    (one,) = generations(sim)
    assert one["path"] == "/sdapi/v1/img2img"
    assert one["body"]["denoising_strength"] == 0.6


def test_a_mask_keeps_what_is_black(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    mask = Image.new("L", (128, 128))
    ImageDraw.Draw(mask).rectangle((64, 0, 127, 127), fill=255)
    asked = {
        "image": files.add(plain(), "in.png"),
        "mask": files.add(png(mask), "mask.png"),
        "prompt": "a cat",
        "steps": 2,
        "mask_blur": 0,
    }
    made = opened(invoke(sim, "img2img", asked))
    before = Image.new("RGB", (128, 128), "navy")
    assert same(made, before, (0, 0, 60, 128))
    assert not same(made, before, (68, 0, 128, 128))


def test_transparent_pixels_are_a_mask(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    image = Image.new("RGBA", (128, 128), "navy")
    image.paste((0, 0, 0, 0), (64, 0, 128, 128))
    invoke(sim, "img2img", {"image": files.add(png(image), "in.png"), "prompt": "a", "steps": 2})
    (one,) = generations(sim)
    assert one["body"]["mask"]


def test_outpainting_keeps_the_picture_and_makes_room(
    invoke: Invoke, sim: Simulator, files: FileServer
) -> None:
    asked = {
        "image": files.add(plain(), "in.png"),
        "prompt": "a cat",
        "expand_right": 64,
        "expand_top": 64,
        "steps": 2,
    }
    made = opened(invoke(sim, "img2img", asked))
    assert made.size == (192, 192)
    before = Image.new("RGB", (192, 192), "navy")
    assert same(made, before, (0, 112, 80, 192))
    assert not same(made, before, (140, 0, 192, 50))
    (one,) = generations(sim)
    assert one["body"]["denoising_strength"] == 0.85
    assert one["body"]["inpaint_full_res"] is False


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "image: the file is empty"),
        (b"hello", "image: "),
        (plain()[:200], "image: the PNG file is damaged"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 32, "image: this is a HEIC image"),
    ],
)
def test_what_is_no_picture_never_reaches_the_server(
    invoke: Invoke, sim: Simulator, files: FileServer, data: bytes, said: str
) -> None:
    with pytest.raises(PluginError, match=said):
        invoke(sim, "img2img", {"image": files.add(data, "in.png"), "prompt": "a"})
    assert generations(sim) == []


# ---- upscale


def test_upscale_enlarges_several(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    images = [files.add(plain((64, 64)), "a.png"), files.add(plain((96, 64)), "b.png")]
    result = invoke(sim, "upscale", {"images": images, "scale": 2, "upscaler": "lanczos"})
    sizes = [Image.open(io.BytesIO(file.data)).size for file in result.files]
    assert sizes == [(128, 128), (192, 128)]
    assert [file.filename for file in result.files] == ["upscale-1.png", "upscale-2.png"]
    assert result.jsons[0]["upscaler"] == "Lanczos"
    assert result.text == "2 enlarged with Lanczos: 128×128, 192×128."


def test_upscale_to_a_width(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    asked = {"images": files.add(plain((64, 32)), "a.png"), "width": 256, "upscaler": "Lanczos"}
    assert opened(invoke(sim, "upscale", asked)).size == (256, 128)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"upscaler": "nope"}, "no upscaler 'nope'"),
        ({"scale": 9}, "scale must be at most 8"),
        ({"scale": 8}, "Dify takes 30 MB a file. Ask for a scale of at most"),
        ({"scale": 8}, "or set output_format to jpeg or webp"),
    ],
)
def test_what_cannot_be_enlarged_is_said_before(
    invoke: Invoke, sim: Simulator, files: FileServer, asked: dict[str, Any], said: str
) -> None:
    file = files.add(plain((1024, 1024)), "a.png")
    with pytest.raises(PluginError, match=said):
        invoke(sim, "upscale", {"images": file, **asked})
    assert not [one for one in sim.journal() if "extra-single" in one["path"]]


@pytest.mark.parametrize(
    ("family", "said"),
    [
        ("sdcpp", "stable-diffusion.cpp cannot enlarge images"),
        ("koboldcpp", "KoboldCpp cannot enlarge images"),
    ],
)
def test_a_server_without_upscalers_says_so(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str, said: str
) -> None:
    with pytest.raises(PluginError, match=said):
        invoke(simulators(family), "upscale", {"images": files.add(plain(), "a.png")})


@pytest.mark.parametrize("family", ["a1111", "a1111-1.6", "forge"])
def test_a_server_enlarges(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    file = files.add(plain((64, 64)), "a.png")
    result = invoke(simulators(family), "upscale", {"images": file, "scale": 1.5})
    assert opened(result).size == (96, 96)
    assert result.variables["warnings"] == []


def test_sdnext_says_that_it_failed_to_enlarge(
    invoke: Invoke, simulators: Simulators, files: FileServer
) -> None:
    """The version recorded fails at its own answer (extra-single-image-lanczos-x2)."""
    with pytest.raises(PluginError, match="failed at upscale \\(500\\)"):
        invoke(simulators("sdnext"), "upscale", {"images": files.add(plain(), "a.png")})


# ---- caption, png_info, list_resources


@pytest.mark.parametrize("method", ["clip", "deepbooru"])
@pytest.mark.parametrize("family", ["a1111", "a1111-1.6", "forge", "sdnext"])
def test_captions(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str, method: str
) -> None:
    file = files.add(plain(), "a.png")
    result = invoke(simulators(family), "caption", {"image": file, "method": method})
    assert result.text == result.variables["caption"] != ""


def test_sdcpp_has_no_captions(invoke: Invoke, simulators: Simulators, files: FileServer) -> None:
    with pytest.raises(PluginError, match="cannot put images into words"):
        invoke(simulators("sdcpp"), "caption", {"image": files.add(plain(), "a.png")})


def test_koboldcpp_without_a_vision_model_says_so(
    invoke: Invoke, simulators: Simulators, files: FileServer
) -> None:
    with pytest.raises(PluginError, match=r"No Vision model loaded.*--mmproj"):
        invoke(simulators("koboldcpp"), "caption", {"image": files.add(plain(), "a.png")})


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_png_info_reads_every_format_without_the_server(
    invoke: Invoke, sim: Simulator, files: FileServer, output_format: str
) -> None:
    asked = {"prompt": "a cat, <lora:add_detail:0.5>", "negative_prompt": "dog", "seed": 11}
    asked |= {"width": 64, "height": 72, "steps": 3, "output_format": output_format}
    (file,) = invoke(sim, "txt2img", asked).files
    sim.reset()
    result = invoke(sim, "png_info", {"image": files.add(file.data, file.filename)})
    told = result.variables
    assert told["prompt"].startswith("a cat")
    assert told["negative_prompt"] == "dog"
    assert (told["seed"], told["steps"], told["width"], told["height"]) == (11, 3, 64, 72)
    assert told["loras"] == ["add_detail:0.5"]
    assert told["model"]
    assert told["parameters"] == result.text
    assert sim.journal() == []


def test_png_info_says_when_there_is_nothing(
    invoke: Invoke, sim: Simulator, files: FileServer
) -> None:
    result = invoke(sim, "png_info", {"image": files.add(plain(), "a.png")})
    assert result.text.startswith("The image holds no generation parameters")
    assert result.variables["parameters"] == ""
    assert result.variables["warnings"] == [result.text]


def test_reproduce_repeats_a_picture_and_explicit_values_win(
    invoke: Invoke, sim: Simulator, files: FileServer
) -> None:
    asked = {"prompt": "a cat", "seed": 11, "width": 64, "height": 72, "steps": 3}
    first = invoke(sim, "txt2img", {**asked, "sampler": "Euler a", "scheduler": "Karras"})
    file = files.add(first.files[0].data, first.files[0].filename)
    again = invoke(sim, "txt2img", {"reproduce": file})
    assert again.files[0].data == first.files[0].data
    other = invoke(sim, "txt2img", {"reproduce": file, "seed": 12, "steps": 4})
    assert (other.jsons[0]["seeds"], other.jsons[0]["steps"]) == ([12], 4)
    assert generations(sim)[2]["body"]["prompt"] == "a cat"
    with pytest.raises(PluginError, match="reproduce: the image holds no generation parameters"):
        invoke(sim, "txt2img", {"reproduce": files.add(plain(), "a.png")})


def test_list_resources_is_short_and_filtered(invoke: Invoke, sim: Simulator) -> None:
    result = invoke(sim, "list_resources", {})
    assert result.text.startswith("models:\n- ")
    assert len(result.variables["names"]) <= 50
    filtered = invoke(sim, "list_resources", {"kind": "samplers", "filter": "EULER"})
    assert filtered.variables["names"] == ["Euler a", "Euler"]
    assert filtered.variables["total"] == 2
    few = invoke(sim, "list_resources", {"kind": "samplers", "limit": 2})
    assert len(few.variables["names"]) == 2
    assert f"… and {few.variables['total'] - 2} more" in few.text


# ---- controlnet and face detailer


@pytest.mark.parametrize("family", ["a1111", "a1111-1.6", "forge"])
def test_controlnet_guides_without_detect_maps(
    plugin: PluginHost, simulators: Simulators, files: FileServer, family: str
) -> None:
    sim = simulators(family)
    access = credentials(sim)
    model = plugin.fetch_options(PROVIDER, "controlnet", "control_model", access)[0].value
    modules = plugin.fetch_options(PROVIDER, "controlnet", "control_module", access)
    assert modules
    asked = {
        "prompt": "a cat",
        "width": 64,
        "height": 64,
        "steps": 2,
        "control_image": files.add(plain(colour="white"), "lines.png"),
        "control_model": model.partition(" [")[0],
        "control_module": "canny",
        "control_weight": 0.7,
        "control_mode": "control",
    }
    result = plugin.invoke(PROVIDER, "controlnet", access, asked)
    assert len(result.files) == 1
    assert result.variables["warnings"] == []
    (one,) = generations(sim)
    (unit,) = one["body"]["alwayson_scripts"]["ControlNet"]["args"]
    assert unit["model"] == model
    assert unit["save_detected_map"] is False
    assert unit["control_mode"] == "ControlNet is more important"
    assert (unit["enabled"], unit["weight"]) == (True, 0.7)


@pytest.mark.parametrize("family", ["sdnext", "sdcpp", "koboldcpp"])
def test_no_controlnet_there(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    image = files.add(plain(), "a.png")
    with pytest.raises(PluginError, match="has no ControlNet that its API could use"):
        invoke(simulators(family), "controlnet", {"prompt": "a", "control_image": image})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"control_model": "nope"}, "no ControlNet model 'nope'"),
        ({"control_module": "nope"}, "no ControlNet preprocessor 'nope'"),
        ({}, "control_model is missing"),
        ({"control_weight": 3}, "control_weight must be at most 2"),
    ],
)
def test_controlnets_mistakes_are_found_before(
    invoke: Invoke, simulators: Simulators, files: FileServer, changes: dict[str, Any], said: str
) -> None:
    """Forge would take every one of them without a word."""
    sim = simulators("forge")
    image = files.add(plain(), "a.png")
    with pytest.raises(PluginError, match=said):
        invoke(sim, "controlnet", {"prompt": "a", "control_image": image, **changes})
    assert generations(sim) == []


def test_a_missing_extension_is_said(invoke: Invoke, files: FileServer) -> None:
    image = files.add(plain(), "a.png")
    with Simulator(family="a1111") as bare:
        with pytest.raises(PluginError, match="lacks the extension ControlNet"):
            asked = {"prompt": "a", "control_image": image, "control_model": "x"}
            invoke(bare, "controlnet", asked)
        with pytest.raises(PluginError, match="face_detailer needs the extension ADetailer"):
            invoke(bare, "txt2img", {"prompt": "a", "face_detailer": "face_yolov8n.pt"})
        assert generations(bare) == []


def test_the_face_detailer_works_on_all_generating_tools(
    plugin: PluginHost, sim: Simulator, files: FileServer
) -> None:
    access = credentials(sim)
    detector = plugin.fetch_options(PROVIDER, "txt2img", "face_detailer", access)[0].value
    asked = {"prompt": "a", "width": 64, "height": 64, "steps": 1, "face_detailer": detector}
    image = files.add(plain(), "a.png")
    control = plugin.fetch_options(PROVIDER, "controlnet", "control_model", access)[0].value
    tools: dict[str, dict[str, Any]] = {
        "txt2img": {},
        "img2img": {"image": image},
        "controlnet": {"control_image": image, "control_model": control},
    }
    for tool, more in tools.items():
        result = plugin.invoke(PROVIDER, tool, access, {**asked, **more})
        assert result.variables["warnings"] == []


# ---- all together


def test_an_agent_can_chain_them(plugin: PluginHost, sim: Simulator, files: FileServer) -> None:
    """list_resources → txt2img → img2img → upscale → png_info, each on the file before."""
    access = credentials(sim)

    def call(tool: str, **parameters: Any) -> ToolResult:
        return plugin.invoke(PROVIDER, tool, access, parameters)

    def handed_on(result: ToolResult) -> dict[str, Any]:
        return files.add(result.files[0].data, result.files[0].filename)

    model = call("list_resources", kind="models").variables["names"][0]
    first = call("txt2img", prompt="a cat", model=model, width=64, height=64, steps=2, seed=5)
    second = call("img2img", image=handed_on(first), prompt="a dog", steps=2, seed=6)
    third = call("upscale", images=handed_on(second), scale=2)
    assert opened(third).size == (128, 128)
    told = call("png_info", image=handed_on(third)).variables
    assert (told["prompt"], told["seed"]) == ("a dog", 6)


@pytest.mark.parametrize("family", ["sdcpp", "koboldcpp"])
def test_settings_that_a_plain_img2img_does_not_know_are_told(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    asked = {
        "image": files.add(plain(), "in.png"),
        "mask": files.add(plain(colour="white"), "mask.png"),
        "prompt": "a cat",
        "steps": 2,
        "mask_blur": 8,
        "inpainting_fill": "noise",
    }
    result = invoke(simulators(family), "img2img", asked)
    title = {"sdcpp": "stable-diffusion.cpp", "koboldcpp": "KoboldCpp"}[family]
    assert result.variables["warnings"] == [
        f"{title} knows no mask_blur, so it was left out.",
        f"{title} knows no inpainting_fill, so it was left out.",
    ]
    del asked["mask"], asked["mask_blur"], asked["inpainting_fill"]
    filled = {**asked, "width": 192, "height": 128, "resize_mode": "fill"}
    assert invoke(simulators(family), "img2img", filled).variables["warnings"] == [
        "resize_mode fill is not known to this server; the image was cropped."
    ]
