"""A workflow whose tools each work on the file of the one before."""

from typing import Any

from devkit.files import FileServer
from devkit.host import PluginHost, ToolResult
from devkit.simulator import Simulator
from tests.e2e.conftest import PROVIDER, credentials
from tests.e2e.images import opened


def test_each_works_on_the_file_before(
    plugin: PluginHost, sim: Simulator, files: FileServer
) -> None:
    access = credentials(sim)

    def call(tool: str, **parameters: Any) -> ToolResult:
        return plugin.invoke(PROVIDER, tool, access, parameters)

    def handed_on(result: ToolResult) -> dict[str, Any]:
        return files.add(result.files[0].data, result.files[0].filename)

    model = call("sd_list_resources", kind="models").variables["names"][0]
    first = call("sd_txt2img", prompt="a cat", model=model, size="64x64", steps=2, seed=5)
    second = call("sd_img2img", image=handed_on(first), prompt="a dog", steps=2, seed=6)
    third = call(
        "sd_inpaint", image=handed_on(second), prompt="a hat", mask_area="0,0,100,40", steps=2
    )
    fourth = call("sd_outpaint", image=handed_on(third), prompt="a sea", expand_left=64, steps=2)
    assert opened(fourth).size == (128, 64)
    fifth = call("sd_upscale", images=handed_on(second), scale=2)
    assert opened(fifth).size == (128, 128)
    told = call("sd_png_info", image=handed_on(fifth)).variables
    assert (told["prompt"], told["seed"]) == ("a dog", 6)
