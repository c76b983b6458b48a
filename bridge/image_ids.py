"""Lookup of the kept images that an agent names in ``image_id``."""

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
    """Return the parameters with kept images in place of their ids.

    A classic agent's model may write text into a file parameter that it was not shown: an id
    counts as ``image_id``, a word such as "none" as blank.

    Raises:
        InvalidInput: There is no such image, or the caller cannot use ids.
    """
    parameters = dict(given)
    name = kind.IMAGE
    if not name:
        return parameters
    ids = _ids(parameters.pop("image_id", None))
    for other in _FILES:
        other_ids = _ids(parameters.get(other))
        if other_ids is None:
            continue
        del parameters[other]
        if other == name:
            ids = ids or other_ids
        elif other_ids:
            parameters[other] = _kept_images(other, other_ids, caller)[0]
    if not ids or _is_file(parameters.get(name)):
        return parameters
    found = _kept_images(name, ids, caller)
    parameters[name] = found if len(found) > 1 else found[0]
    return parameters


def _ids(value: Any) -> list[str] | None:
    """Return the ids in a parameter, without words such as "none"; None if it holds no text."""
    items = value if isinstance(value, list) else [value]
    texts = [item.strip() for item in items if isinstance(item, str)]
    if not texts:
        return None
    return [text for text in texts if text.casefold() not in _NO_ID]


def _is_file(value: Any) -> bool:
    """Return whether a value is a file or a list of files."""
    # An object that a model wrote, such as a reference, is no file unless Dify made one of it.
    return value not in (None, "", []) and not isinstance(value, Mapping)


def _kept_images(name: str, ids: list[str], caller: Caller) -> list[KeptImage]:
    """Return the images of ids.

    Raises:
        InvalidInput: There is no such image, or the caller cannot use ids.
    """
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
    return [images.find(caller.owner, id_) for id_ in ids]
