"""Images are kept for the agents of their owner, within limits of time and size."""

import os
import re
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bridge.callers import Owner
from bridge.image_store import MOST_BYTES, SECONDS, ImageStore, KeptImage
from devkit.host import ClassicAgent, PluginHost
from devkit.simulator import Simulator
from sdwebui.errors import InvalidInput
from tests.conftest import PLUGIN, PYTHON

ROOT = Path(__file__).parents[1]
ANN = Owner("ann", "app", "talk")
GONE = f"no longer kept ({SECONDS / 3600:g} hours at most, and {MOST_BYTES >> 20} MB for all)."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def store() -> Iterator[ImageStore]:
    """Yield a store of 1,000 bytes."""
    store = ImageStore(most_bytes=1000)
    yield store
    store.close()


def keep(store: ImageStore, data: bytes = b"x" * 300, owner: Owner = ANN) -> KeptImage:
    """Return a kept image."""
    image = store.keep(owner, data)
    assert image
    return image


def visible_files(folder: Path) -> list[Path]:
    """Return the files that other processes could see."""
    return [path for path in folder.rglob("*") if path.is_file()]


def refusal(store: ImageStore, wanted: str, owner: Owner = ANN) -> str:
    """Return the message about an image that is not found."""
    with pytest.raises(InvalidInput) as caught:
        store.find(owner, wanted)
    return str(caught.value)


def test_an_image_is_found_by_its_id_however_a_model_writes_it(store: ImageStore) -> None:
    image = keep(store, b"first")
    keep(store, b"second")
    for wanted in (image.name, f" {image.name.upper()} ", f'"{image.name}"', f"<{image.name}>"):
        assert store.find(ANN, wanted).read() == b"first"


@pytest.mark.parametrize("word", ["last", "Latest", '"newest"'])
def test_the_newest_image_is_found_by_a_word(store: ImageStore, word: str) -> None:
    keep(store, b"first")
    keep(store, b"second")
    keep(store, b"ben's", ANN._replace(user="ben"))
    assert store.find(ANN, word).read() == b"second"


def test_ids_cannot_be_guessed(store: ImageStore) -> None:
    ids = [keep(store, b"x").name for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(re.fullmatch(r"img-[0-9a-f]{16}", name) for name in ids)


@pytest.mark.parametrize(
    "other",
    [ANN._replace(user="ben"), ANN._replace(app="other"), ANN._replace(conversation="other")],
)
def test_other_owners_do_not_find_an_image(store: ImageStore, other: Owner) -> None:
    image = keep(store)
    unknown = refusal(store, "img-0123456789abcdef", other)
    assert "there is no image 'img-0123456789abcdef' in this conversation" in unknown
    # The message does not reveal that the image exists.
    assert refusal(store, image.name, other) == unknown.replace("img-0123456789abcdef", image.name)
    assert refusal(store, "last", other).startswith("There is no earlier image in this")


def test_the_oldest_are_dropped_first(store: ImageStore) -> None:
    images = [keep(store) for _ in range(5)]
    assert refusal(store, images[1].name).startswith(f"The image {images[1].name} is {GONE}")
    assert [store.find(ANN, image.name) for image in images[2:]] == images[2:]


def test_the_message_about_a_dropped_image_says_how_to_make_it_again(store: ImageStore) -> None:
    image = keep(store)
    image.remake = "sd_txt2img and seed 7"
    for _ in range(4):
        keep(store)
    assert refusal(store, image.name) == (
        f"The image {image.name} is {GONE} Make it again with sd_txt2img and seed 7."
    )
    assert "seed" not in refusal(store, image.name, ANN._replace(user="ben"))


def test_images_are_dropped_in_time_without_any_call(folder: Path) -> None:
    store = ImageStore(seconds=0.2)
    image = keep(store)
    time.sleep(0.1)
    later = keep(store)
    time.sleep(0.15)
    assert refusal(store, image.name).startswith(f"The image {image.name} is no longer kept")
    assert store.find(ANN, later.name).read()
    time.sleep(0.2)
    assert visible_files(folder) == []
    with pytest.raises(InvalidInput, match="is no longer kept"):
        later.read()
    assert refusal(store, "last").startswith("There is no earlier image")


@pytest.mark.parametrize(("size", "owner"), [(1001, ANN), (1, ANN._replace(user=""))])
def test_large_images_and_those_without_an_owner_are_not_kept(
    store: ImageStore, folder: Path, size: int, owner: Owner
) -> None:
    assert store.keep(owner, b"x" * size) is None
    assert visible_files(folder) == []


def test_a_full_disk_is_no_error(
    store: ImageStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "missing"))
    assert store.keep(ANN, b"x") is None


def test_other_users_of_the_machine_cannot_read_images(store: ImageStore, folder: Path) -> None:
    keep(store)
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_ten_thousand_images_stay_within_limits(folder: Path) -> None:
    store = ImageStore(most_bytes=100_000)
    process = psutil.Process()
    opened = process.num_fds() if sys.platform != "win32" else 0
    first = keep(store, b"x" * 1000)
    began = time.monotonic()
    for _ in range(10_000):
        keep(store, b"x" * 1000)
    assert time.monotonic() - began < 10
    assert sum(path.stat().st_size for path in visible_files(folder)) <= 100_000
    assert sys.platform == "win32" or process.num_fds() <= opened + 100
    # Dropped images are not remembered forever.
    for _ in range(100):
        keep(store, b"x" * 1000)
    assert refusal(store, first.name).startswith("image_id: there is no image")
    store.close()
    assert visible_files(folder) == []


KEEPING = """
from bridge.callers import Owner
from bridge.image_store import images
assert images.keep(Owner("ann", "", ""), b"x" * 1000)
print("kept", flush=True)
"""


@pytest.mark.process
def test_nothing_is_left_when_the_process_ends(folder: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(PLUGIN)}
    done = subprocess.run(
        [PYTHON, "-c", KEEPING], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "kept\n"
    assert visible_files(folder) == []


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="has other ways to end a process")
def test_nothing_is_left_when_dify_kills_the_plugin(folder: Path) -> None:
    # Dify's daemon kills every plugin that it stops.
    with Simulator() as sim, PluginHost(PLUGIN, python=PYTHON, env={"TMPDIR": str(folder)}) as host:
        agent, requested = ClassicAgent(), {"prompt": "a"}
        settings = {"size": "64x64", "steps": 1}
        access = {"base_url": sim.url}
        result = host.invoke(
            "stable_diffusion", "sd_txt2img", access, requested, caller=agent, settings=settings
        )
        assert "img-" in result.text
        host.process.kill()
        with suppress(Exception):
            host.process.wait(5)
    assert visible_files(folder) == []
