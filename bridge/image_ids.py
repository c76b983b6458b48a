"""An agent's ``image_id`` as the image that it means."""

from collections.abc import Mapping
from typing import Any

from bridge.callers import Caller, Kind
from bridge.image_store import KeptImage, images
from sdwebui.errors import InvalidInput
from sdwebui.parameter_checks import Parameters

_NO_ID = frozenset({"", "none", "null", "undefined", "n/a", "false"})
_FILES = ("image", "images", "mask", "control_image", "control_image_2", "reproduce")


def with_kept_image(
    given: Mapping[str, Any], kind: type[Parameters], caller: Caller
) -> dict[str, Any]:
    """Return the parameters with kept images in the place of their ids.

    A classic agent's model may fill a file parameter that it was not shown, with text: an id is
    taken as one, a word for nothing as nothing.

    Raises:
        InvalidInput: There is no such image, or the caller cannot use ids.
    """
    found = dict(given)
    name = kind.IMAGE
    if not name:
        return found
    wanted = _texts(found.pop("image_id", None))
    for other in _FILES:
        typed = _texts(found.get(other))
        if typed is None:
            continue
        del found[other]
        if other == name:
            wanted = wanted or typed
        elif typed:
            found[other] = _kept(other, typed, caller)[0]
    if not wanted or _is_file(found.get(name)):
        return found
    kept = _kept(name, wanted, caller)
    found[name] = kept if len(kept) > 1 else kept[0]
    return found


def _texts(value: Any) -> list[str] | None:
    """Return the texts that stand where a file belongs, words for nothing left out.

    None where there is a file, or nothing at all.
    """
    several = value if isinstance(value, list) else [value]
    texts = [one.strip() for one in several if isinstance(one, str)]
    if not texts:
        return None
    return [one for one in texts if one.casefold() not in _NO_ID]


def _is_file(value: Any) -> bool:
    # A model's own object, such as a reference, is no file where Dify did not make one of it.
    return value not in (None, "", []) and not isinstance(value, Mapping)


def _kept(name: str, wanted: list[str], caller: Caller) -> list[KeptImage]:
    if caller.kind is Kind.NODE:
        raise InvalidInput(
            f"image_id is for agents: in a workflow hand the image over in {name} and leave "
            "image_id blank."
        )
    if caller.kind is Kind.NEW_AGENT:
        raise InvalidInput(
            f"image_id does not work here: give {name} the transfer_method and reference that a "
            "tool named with the image."
        )
    return [images.find(caller.owner, one) for one in wanted]
