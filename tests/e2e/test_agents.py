"""Whole conversations of the three kinds of agents: what models read and what users see."""

import json
import re

import pytest

from devkit.files import FileServer, Uploads
from devkit.host import (
    Agent,
    NewAgent,
    PluginHost,
    ToolFile,
)
from devkit.simulator import Simulator
from tests.e2e.images import plain
from tests.e2e.talks import (
    ID,
    MOST_CHARACTERS,
    OLD_AGENTS,
    Start,
    assert_clean,
    is_same,
    only_file,
    only_id,
    size_of,
    starting,
)
from tests.result_views import IMAGE_SENTENCE, Seen, shown_in


@pytest.fixture
def talk(plugin: PluginHost, sim: Simulator) -> Start:
    """Begin a conversation: ``talk(ClassicAgent)``."""
    return starting(plugin, sim)


@pytest.mark.parametrize("kind", OLD_AGENTS)
def test_make_change_enlarge_describe_and_read(talk: Start, kind: type[Agent]) -> None:
    ann = talk(kind)
    made = ann.call("sd_txt2img", prompt="a house", seed=5)
    first = only_id(made)
    assert made.model_text == (
        f"{IMAGE_SENTENCE}Made 1 image: 64×64, seed 5. Image id for other tools: {first}.\n"
    )
    assert_clean(made.model_text)
    file = only_file(made)
    assert (file.filename, file.mime_type) == ("txt2img-5.png", "image/png")
    assert size_of(file.data) == (64, 64)

    night = {"prompt": "a house at night", "denoising_strength": 0.6, "seed": 6}
    changed = ann.call("sd_img2img", **night, image_id="last")
    second = only_id(changed)
    assert changed.model_text == (
        f"{IMAGE_SENTENCE}Made 1 image: 64×64, seed 6. Image id for other tools: {second}.\n"
    )
    assert second != first
    assert only_file(changed).filename == "img2img-6.png"
    assert not is_same(only_file(changed).data, file.data)

    enlarged = ann.call("sd_upscale", image_id=first, scale=2)
    assert enlarged.model_text == (
        f"{IMAGE_SENTENCE}1 enlarged with R-ESRGAN 4x+: 128×128. "
        f"Image id for other tools: {only_id(enlarged)}.\n"
    )
    assert_clean(enlarged.model_text)
    assert size_of(only_file(enlarged).data) == (128, 128)

    described = ann.call("sd_caption", image_id="last")
    assert_clean(described.model_text)
    assert described.shown == ()

    read = ann.call("sd_png_info", image_id=second)
    assert read.model_text.startswith("a house at night\nSteps: 2, Sampler: ")
    assert "Seed: 6" in read.model_text
    assert read.model_text.endswith("\n")
    assert "{" not in read.model_text
    assert len(read.model_text) <= MOST_CHARACTERS


@pytest.mark.parametrize("kind", OLD_AGENTS)
def test_each_of_several_images_has_an_id(talk: Start, kind: type[Agent]) -> None:
    ann = talk(kind)
    made = ann.call("sd_txt2img", prompt="a house", seed=5, image_count=3)
    ids = ID.findall(made.model_text)
    assert made.model_text == (
        f"{IMAGE_SENTENCE * 3}Made 3 images: 64×64, seeds 5, 6, 7. "
        f"Image ids for other tools: {', '.join(ids)}.\n"
    )
    assert_clean(made.model_text)
    assert len(set(ids)) == 3
    files = [file for file in made.shown if isinstance(file, ToolFile)]
    assert [file.filename for file in files] == ["txt2img-5.png", "txt2img-6.png", "txt2img-7.png"]
    for name, file in zip(ids, files, strict=True):
        again = ann.call("sd_img2img", prompt="a", image_id=name, denoising_strength=0)
        assert is_same(only_file(again).data, file.data)


@pytest.mark.parametrize("kind", OLD_AGENTS)
def test_warnings_stand_in_the_line(talk: Start, sim: Simulator, kind: type[Agent]) -> None:
    sim.configure(fault="info_missing")
    made = talk(kind).call("sd_txt2img", prompt="a house", seed=5)
    assert made.model_text == (
        f"{IMAGE_SENTENCE}Made 1 image: 64×64, seed 5. Warning: The server did not say what it "
        "did, so only the images' number and size is known. "
        f"Image id for other tools: {only_id(made)}.\n"
    )


def markdown_line(seen: Seen) -> str:
    (line,) = [line for line in seen.model_text.splitlines() if line.startswith("![")]
    return line


def reference(seen: Seen) -> dict[str, str]:
    """What the text names for other tools, as a model reads it."""
    (found,) = re.findall(
        r"^Other tools take this image as (\{.*\})$", seen.model_text, re.MULTILINE
    )
    read: dict[str, str] = json.loads(found)
    return read


SHOW_IT = (
    "The user sees an image only when you copy its line that begins with ![ unchanged, alone on a "
    "line, into your answer."
)


def test_the_new_agent_makes_changes_enlarges_describes_and_reads(
    talk: Start, files: FileServer
) -> None:
    ann = talk(NewAgent)
    made = ann.call("sd_txt2img", prompt="a house", seed=5)
    uploaded = files.uploaded[-1]
    assert made.model_text.splitlines() == [
        f"Made 1 image: 64×64, seed 5. {SHOW_IT}",
        markdown_line(made),
        f"Other tools take this image as {json.dumps(reference(made))}",
    ]
    assert made.model_text.endswith("\n")
    assert len(made.model_text) <= MOST_CHARACTERS
    assert made.shown == ()
    assert re.fullmatch(r"!\[txt2img-5\.png\]\(http://[^ )]+\.png\?[^ )]+\)", markdown_line(made))
    assert (uploaded.filename, uploaded.mime_type) == ("txt2img-5.png", "image/png")
    assert size_of(uploaded.data) == (64, 64)
    answer = f"Here is your house:\n\n{markdown_line(made)}\n\nDo you like it?"
    assert shown_in(answer, files) == [uploaded]

    # In a later turn the address has ended; the reference works on.
    files.expire()
    assert shown_in(answer, files) == [uploaded]
    night = {"prompt": "a house at night", "denoising_strength": 0, "seed": 6}
    changed = ann.call("sd_img2img", **night, image=reference(made))
    assert changed.model_text.startswith(f"Made 1 image: 64×64, seed 6. {SHOW_IT}\n")
    assert files.uploaded[-1].filename == "img2img-6.png"
    assert is_same(files.uploaded[-1].data, uploaded.data)

    enlarged = ann.call("sd_upscale", images=reference(changed), scale=2)
    assert enlarged.model_text.startswith(f"1 enlarged with R-ESRGAN 4x+: 128×128. {SHOW_IT}\n")
    assert len(enlarged.model_text) <= MOST_CHARACTERS
    assert size_of(files.uploaded[-1].data) == (128, 128)

    described = ann.call("sd_caption", image=reference(enlarged))
    assert_clean(described.model_text)
    read = ann.call("sd_png_info", image=reference(enlarged))
    assert read.model_text.startswith("a house at night\nSteps: 2, ")
    assert "Seed: 6" in read.model_text


def test_each_of_the_new_agents_images_has_its_lines(talk: Start, files: FileServer) -> None:
    count = len(files.uploaded)
    made = talk(NewAgent).call("sd_txt2img", prompt="a house", seed=5, image_count=2)
    names = [file.filename for file in files.uploaded[count:]]
    assert names == ["txt2img-5.png", "txt2img-6.png"]
    lines = made.model_text.splitlines()
    assert lines[0] == f"Made 2 images: 64×64, seeds 5, 6. {SHOW_IT}"
    starts = [line.partition("(")[0].partition(" as ")[0] for line in lines[1:]]
    other = "Other tools take this image"
    assert starts == ["![txt2img-5.png]", other, "![txt2img-6.png]", other]
    assert shown_in(made.model_text, files) == files.uploaded[count:]
    assert len(made.model_text) <= 2 * MOST_CHARACTERS


@pytest.mark.parametrize("kind", [*OLD_AGENTS, NewAgent])
@pytest.mark.parametrize("wanted", ["all", "models"])
def test_lists_are_short_for_models(
    talk: Start, sim: Simulator, kind: type[Agent], wanted: str
) -> None:
    names = [f"a-checkpoint-with-a-rather-long-name-{number:03}" for number in range(200)]
    sim.configure(models=[f"{name}.safetensors" for name in names])
    text = talk(kind).call("sd_list_resources", kind=wanted).model_text
    assert len(text) <= 1500
    assert text.startswith(f"models:\n- {names[0]}\n")
    assert text.endswith(" more; narrow the filter, or name one kind.\n")
    shown = [line for line in text.splitlines() if line.startswith("- ")]
    if wanted == "models":
        assert f"… and {200 - len(shown)} more" in text
        assert len(shown) >= 20
    few = talk(kind).call("sd_list_resources", kind="models", filter="name-19").model_text
    assert few.count("\n- ") == 10
    assert "more;" not in few


def test_the_new_agent_works_on_a_file_of_the_user(talk: Start, files: FileServer) -> None:
    data = plain((128, 64))
    ann = talk(NewAgent)
    same = {"prompt": "a", "denoising_strength": 0}
    made = ann.call("sd_img2img", **same, image=files.add_for_model(data, "holiday.png"))
    assert made.model_text.startswith("Made 1 image: 128×64, seed ")
    assert is_same(files.uploaded[-1].data, data)
    linked = ann.call("sd_caption", image=files.add(data, "holiday.png")["url"])
    assert_clean(linked.model_text)


@pytest.mark.parametrize("uploads", [Uploads.NO_FILES_URL, Uploads.SERVER_ERROR])
def test_an_upload_that_fails_is_said_in_words(
    talk: Start, files: FileServer, uploads: Uploads
) -> None:
    ann = talk(NewAgent)
    files.uploads = uploads
    try:
        made = ann.call("sd_txt2img", prompt="a house", seed=5)
    finally:
        files.uploads = Uploads.TAKEN
    assert made.model_text.startswith(
        "Made 1 image: 64×64, seed 5. txt2img-5.png was made but could not be uploaded to Dify, so "
        "the user cannot see it"
    )
    if uploads is Uploads.NO_FILES_URL:
        assert "FILES_URL" in made.model_text
    assert "![" not in made.model_text
    assert "copy" not in made.model_text
    assert made.shown == ()
    assert_clean(made.model_text)


def test_an_id_is_no_use_to_the_new_agent(talk: Start) -> None:
    ann = talk(NewAgent)
    ann.call("sd_txt2img", prompt="a house")
    assert ann.refusal("sd_img2img", prompt="a", image_id="last") == (
        "image_id does not work here: give image the transfer_method and reference that a tool "
        "named with the image."
    )
