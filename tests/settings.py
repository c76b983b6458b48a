"""Parameters, plans and request bodies that ``more_settings`` lead to, for the unit tests."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image

from devkit.forms.build import MODELS
from sdwebui.client import WebUI
from sdwebui.dialects.plan import Plan
from sdwebui.errors import InvalidInput
from sdwebui.images.files import ImageFile
from sdwebui.parameters import ControlNet, Generation, Img2Img, Txt2Img
from sdwebui.planning.reproduction import completed
from sdwebui.planning.sources import prepare
from tests.webui import ADETAILER, CONTROLNET, URL, webui


def _image_file() -> ImageFile:
    """Return an image file of 128×128 pixels."""
    target = io.BytesIO()
    Image.new("RGB", (128, 128), "navy").save(target, "PNG")
    return ImageFile(target.getvalue())


IMAGE = _image_file()
AREA: dict[str, Any] = {"mask_area": "25, 25, 75, 75"}
FIELDS = "Steps: 20, Sampler: Euler a, CFG scale: 5, Seed: 5, Size: 64x64"
GENERATING: dict[str, type[Generation]] = {
    tool: model for tool, model in MODELS.items() if issubclass(model, Generation)
}


def completed_with[Requested: Generation](
    text: Any, kind: type[Requested], **form: Any
) -> Requested:
    """Return the parameters of a call with a text in ``more_settings``."""
    image: dict[str, Any] = {kind.IMAGE: IMAGE} if kind.IMAGE else {}
    return completed(kind.read({**image, "more_settings": text, **form}))


def sent(
    text: Any,
    kind: type[Generation] = Txt2Img,
    family: str = "a1111",
    *,
    extensions: bool = True,
    **form: Any,
) -> tuple[Plan, dict[str, Any]]:
    """Return plan and body of a call with a text in ``more_settings``."""
    requested = completed_with(text, kind, **{"seed": 7, **form})
    with webui(family, **({**ADETAILER, **CONTROLNET} if extensions else {})):
        call = WebUI(URL).call()
        if isinstance(requested, ControlNet):
            images = ["one", "two"][: 2 if requested.control_image_2 else 1]
            plan = call.planner.controlnet(requested, images)
        elif isinstance(requested, Img2Img):
            prepared = prepare(requested, IMAGE.read(), None, not call.planner.dialect.resize_modes)
            plan = call.planner.img2img(requested, prepared)
        else:
            assert isinstance(requested, Txt2Img)
            plan = call.planner.txt2img(requested)
        body = call.dialect.body(plan)
    return plan, {name: value for name, value in body.items() if name != "force_task_id"}


def holds(body: Any, part: Any) -> bool:
    """Return whether a body contains all of a part."""
    if isinstance(part, Mapping):
        return isinstance(body, Mapping) and all(
            name in body and holds(body[name], value) for name, value in part.items()
        )
    return bool(body == part) and type(body) is type(part)


def refusal(text: Any, kind: type[Generation] = Txt2Img, **form: Any) -> str:
    """Return the message about a wrong text in ``more_settings``."""
    with pytest.raises(InvalidInput) as caught:
        completed_with(text, kind, **form)
    return str(caught.value)


def without_breaks(text: str, between: str) -> str:
    """Return an infotext as a one-line form field changes it."""
    return text.replace("\n", between)
