"""The plugin as Dify Cloud runs it: behind a web server instead of pipes."""

from collections.abc import Iterator

import pytest

from devkit.host import PluginError, ServerlessPlugin
from devkit.simulator import Simulator
from tests.conftest import PLUGIN, PYTHON
from tests.e2e.conftest import PROVIDER, credentials, generations
from tests.serverless import invoke


@pytest.fixture(scope="module")
def cloud() -> Iterator[ServerlessPlugin]:
    with ServerlessPlugin(PLUGIN, python=PYTHON) as plugin:
        yield plugin


def test_images_arrive_as_under_the_daemon(cloud: ServerlessPlugin, sim: Simulator) -> None:
    requested = {"prompt": "a lighthouse", "image_count": 2, "seed": 41, "size": "512x512"}
    result = invoke(cloud, PROVIDER, "sd_txt2img", credentials(sim), requested)
    assert [file.filename for file in result.files] == ["txt2img-41.png", "txt2img-42.png"]
    assert all(file.data.startswith(b"\x89PNG") for file in result.files)
    assert result.jsons[0]["seeds"] == result.variables["seeds"] == [41, 42]
    assert result.text.startswith("2 images, 512×512, model ")


def test_errors_arrive_in_their_own_words(cloud: ServerlessPlugin, sim: Simulator) -> None:
    with pytest.raises(PluginError, match="has no model 'nonesuch'"):
        invoke(
            cloud, PROVIDER, "sd_txt2img", credentials(sim), {"prompt": "x", "model": "nonesuch"}
        )
    assert generations(sim) == []
