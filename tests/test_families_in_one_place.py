"""All that is known of a family of servers stands in its file in ``sdwebui/dialects/``."""

import ast
import base64
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from PIL import Image

from sdwebui import dialects
from sdwebui.client import WebUI
from sdwebui.dialects import Body, Dialect
from sdwebui.dialects.infotexts import value_of
from sdwebui.dialects.plan import Plan
from sdwebui.dialects.probe import Probe
from sdwebui.errors import Unsupported
from sdwebui.images.files import ImageFile
from sdwebui.images.metadata import with_parameters
from sdwebui.infotext.parse import parse
from sdwebui.parameters import PngInfo, Txt2Img, Upscale
from tests import webui as servers
from tests.webui import URL, webui

ROOT = Path(__file__).parents[1]

# --- no other file names a family ----------------------------------------------------------------

OTHER_NAMES = {"sd.cpp", "sd-next", "kobold", "stable-diffusion-cpp", "vladmandic"}
NAMES = OTHER_NAMES | {
    name for family in dialects.FAMILIES for name in (family.family, family.title)
}
NAMED = re.compile(
    rf"(?<![a-z0-9])({'|'.join(map(re.escape, sorted(NAMES, key=len, reverse=True)))})(?![a-z0-9])",
    re.IGNORECASE,
)
MODULES = {family.__module__ for family in dialects.FAMILIES}
CLASSES = {family.__name__ for family in dialects.FAMILIES if family is not Dialect}

ALLOWED = {
    ("sdwebui/http/connection_errors.py", "AUTOMATIC1111 and Forge: --api --listen"):
        "no server answered, so its family is unknown; these two are the commonest",
    ("sdwebui/http/status_errors.py", "Start KoboldCpp with a vision model"):
        "only KoboldCpp answers so, and http/ comes before any dialect is known",
    ("sdwebui/http/server.py", "sdcpp/.*"):
        "it cuts off what users paste behind the address, before any server is asked",
}  # fmt: skip
"""File and text of what may name a family elsewhere, and why."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yield path and syntax tree of each file that must not know a family."""
    for folder in ("sdwebui", "bridge"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("sdwebui/dialects/"):
                yield name, ast.parse(path.read_text("utf-8"))


def texts(tree: ast.Module) -> Iterator[str]:
    """Yield every string that is more than a comment on the code, f-strings in pieces."""
    comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in comments:
            if isinstance(node.value, bytes):
                yield node.value.decode("latin-1")
            elif isinstance(node.value, str):
                yield node.value


def test_no_text_outside_of_dialects_names_a_family() -> None:
    named = [(path, text) for path, tree in sources() for text in texts(tree) if NAMED.search(text)]
    used = {
        allowed
        for path, text in named
        for allowed in ALLOWED
        if path == allowed[0] and allowed[1] in text
    }
    assert [
        (path, text)
        for path, text in named
        if not any(path == file and part in text for file, part in ALLOWED)
    ] == []
    assert used == set(ALLOWED), "an exception that nothing needs"


def test_no_code_outside_of_dialects_knows_a_familys_class() -> None:
    known = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in MODULES:
                known.append((path, node.module))
            elif isinstance(node, ast.Import):
                known += [(path, name.name) for name in node.names if name.name in MODULES]
            elif isinstance(node, ast.Name | ast.Attribute | ast.alias):
                name = getattr(node, "id", "") or getattr(node, "attr", "")
                name = name or getattr(node, "name", "")
                known += [(path, name)] if name in CLASSES else []
    assert known == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("SD.Next", True),
        ("KoboldCpp", True),
        ("stable-diffusion.cpp", True),
        ("SDCPP", True),
        ("forge_additional_modules", True),
        ("Use another server than AUTOMATIC1111.", True),
        ("Automatic", False),
        ("forget", False),
        ("Stable Diffusion WebUI", False),
    ],
)
def test_names_are_found_within_texts(text: str, *, named: bool) -> None:
    assert bool(NAMED.search(text)) is named


# --- one class makes a family --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Easel(Dialect):
    """A family that nobody has heard of: all that the client must know of it is this class."""

    tasks: bool = False

    family: ClassVar[str] = "easel"
    title: ClassVar[str] = "Easel"
    most_steps: ClassVar[int] = 40
    upscales: ClassVar[bool] = False
    unsupported: ClassVar[Mapping[str, str]] = {"tiling": "its canvas has edges"}
    unset_samplers: ClassVar[frozenset[str]] = frozenset({"whatever"})
    leaked_vae_hint: ClassVar[str] = "ask the painter."

    def fields(self, plan: Plan) -> Body:
        """Return A1111's fields, the LoRAs in a list instead of the prompt."""
        body = Dialect.fields(self, plan)
        body["prompt"] = plan.prompt
        body["brushes"] = [f"{lora.name}@{lora.weight:g}" for lora in plan.loras]
        return body

    @classmethod
    def writes(cls, fields: Mapping[str, str]) -> bool:
        """Return whether Easel wrote these fields, by its signature."""
        return value_of(fields, "Signature") == "an easel"

    @classmethod
    def sampler_and_scheduler(cls, fields: Mapping[str, str]) -> tuple[str | None, str | None]:
        """Return sampler and schedule type, which one field holds as "Karras/Euler a"."""
        scheduler, _, sampler = (value_of(fields, "Sampler") or "").rpartition("/")
        return sampler or None, scheduler or None

    @classmethod
    def listed_loras(cls, fields: Mapping[str, str]) -> list[tuple[str, float]]:
        """Return the LoRAs of the field Brushes."""
        pairs = [brush.partition("@") for brush in (value_of(fields, "Brushes") or "").split()]
        return [(name, float(weight)) for name, _, weight in pairs]

    @classmethod
    def used_loras(cls, fields: Mapping[str, str], tags: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the listed ones."""
        return tuple(name for name, _ in cls.listed_loras(fields))

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """Return the dialect of a server that has an easel."""
        return cls() if isinstance(probe.get("/easel/about"), dict) else None


SERVER: dict[str, Any] = {
    "/easel/about": {"legs": 3},
    **{path: servers.A1111_LISTS[path] for path in servers.A1111_LISTS if "upscale" not in path},
}
WRITTEN = (
    "a cat\nSteps: 20, Sampler: Karras/Euler a, CFG scale: 7, Seed: 7, Size: 512x512, "
    "Model hash: 879db523c3, Model: dreamshaper_8, Brushes: detail@0.8, Signature: an easel"
)
WANTED: dict[str, Any] = {
    "prompt": "a cat", "seed": 7, "size": "512x512", "steps": 20, "cfg_scale": 7,
    "sampler": "euler_a karras", "lora": "add_detail:0.8", "model": "dreamshaper_8",
}  # fmt: skip


@pytest.fixture
def easel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "FAMILIES", (Easel, *dialects.FAMILIES))
    monkeypatch.setitem(servers.FAMILIES, "easel", SERVER)


def png() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (512, 512), "red").save(target, "PNG")
    return target.getvalue()


def generated(infotext: str) -> tuple[dict[str, Any], tuple[str, ...], Any]:
    """Return the body that the client sends, the warnings, and the whole report."""
    info = json.dumps({"all_seeds": [7], "infotexts": [infotext]})
    answer = {"images": [base64.b64encode(png()).decode()], "info": info}
    with webui("easel") as mock, WebUI(URL) as client:
        mock.post(f"{URL}/sdapi/v1/txt2img", json=answer)
        images = client.txt2img(Txt2Img.read(WANTED))
        assert [image.seed for image in images] == [7]
        body = json.loads(mock.calls[-1].request.body or "")
    return body, images.report.warnings, images.report


@pytest.mark.usefixtures("easel")
def test_a_new_family_is_recognised_by_its_own_route() -> None:
    with webui("easel"), WebUI(URL) as client:
        assert client.call().dialect == Easel()
    with webui("a1111"), WebUI(URL) as client:
        assert type(client.call().dialect) is Dialect


@pytest.mark.usefixtures("easel")
def test_a_new_family_gets_requests_of_its_own_kind() -> None:
    body, _, _ = generated(WRITTEN)
    assert (body["prompt"], body["brushes"]) == ("a cat", ["detail@0.8"])
    assert (body["sampler_name"], body["scheduler"]) == ("Euler a", "Karras")
    assert "force_task_id" not in body


@pytest.mark.usefixtures("easel")
def test_a_new_family_is_asked_for_what_it_can_do_only() -> None:
    with webui("easel"), WebUI(URL) as client:
        with pytest.raises(Unsupported, match="Easel cannot do tiling: its canvas has edges"):
            client.txt2img(Txt2Img.build({**WANTED, "tiling": True}))
        with pytest.raises(Unsupported, match="Easel takes steps up to 40"):
            client.txt2img(Txt2Img.read({**WANTED, "steps": 41}))
        with pytest.raises(Unsupported, match="Easel cannot enlarge images"):
            client.upscale(Upscale.build({"images": [ImageFile(png())]}))


@pytest.mark.usefixtures("easel")
def test_a_new_familys_infotext_is_understood() -> None:
    infotext = parse(WRITTEN)
    assert (infotext.sampler, infotext.scheduler) == ("Euler a", "Karras")
    assert (infotext.loras, infotext.applied_loras) == ((("detail", 0.8),), ("detail",))
    assert parse(WRITTEN.replace("Euler a", "whatever")).sampler is None
    with webui("easel"), WebUI(URL) as client:
        file = ImageFile(with_parameters(png(), WRITTEN))
        facts = client.png_info(PngInfo.build({"image": file})).facts()
    assert (facts["sampler"], facts["loras"]) == ("Euler a Karras", ["detail:0.8"])


def test_without_its_class_the_same_infotext_is_read_as_a1111s() -> None:
    infotext = parse(WRITTEN)
    assert (infotext.sampler, infotext.scheduler) == ("Karras/Euler a", None)
    assert infotext.loras == ()


@pytest.mark.usefixtures("easel")
def test_a_new_familys_receipt_agrees_with_what_was_done() -> None:
    _, warnings, report = generated(WRITTEN)
    assert warnings == ()
    assert (report.sampler, report.scheduler, report.steps) == ("Euler a", "Karras", 20)


@pytest.mark.usefixtures("easel")
def test_a_new_familys_receipt_shows_what_was_done_otherwise() -> None:
    other = WRITTEN.replace("Karras/Euler a", "Simple/DPM++ 2M").replace("detail@0.8", "other@1")
    assert generated(f"{other}, VAE: odd.pt")[1] == (
        "The server used the sampler 'DPM++ 2M' instead of 'Euler a'.",
        "The server used the scheduler 'Simple' instead of 'Karras'.",
        "The server does not list the LoRA 'detail' among those it used.",
        "The VAE 'odd.pt' was in force on the server although nobody asked for it here; ask the "
        "painter.",
    )
