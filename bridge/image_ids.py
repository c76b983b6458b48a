"""An agent's ``image_id`` as the image that it means."""

from collections.abc import Mapping
from typing import Any

from bridge.callers import Caller, Kind
from bridge.image_store import images
from sdwebui.errors import InvalidInput
from sdwebui.parameters import Parameters

_NO_ID = frozenset({"", "none", "null", "undefined", "n/a"})


def _typed(value: Any) -> str:
    """Return the text that stands where a file, or a list of them, belongs."""
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        value = value[0]
    return value.strip() if isinstance(value, str) else ""


def with_kept_image(
    given: Mapping[str, Any], kind: type[Parameters], caller: Caller
) -> dict[str, Any]:
    """Return the parameters with the kept image that they name in the place of its id.

    A classic agent's model may fill a file parameter that it was not shown, with text: an id is
    taken as one.

    Raises:
        InvalidInput: There is no such image, or the caller cannot use ids.
    """
    found = dict(given)
    name = kind.IMAGE
    wanted = str(found.pop("image_id", None) or "").strip()
    typed = _typed(found.get(name))
    if typed:
        del found[name]
        wanted = wanted if wanted.casefold() not in _NO_ID else typed
    if wanted.casefold() in _NO_ID or found.get(name) not in (None, "", []):
        return found
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
    found[name] = images.find(caller.owner, wanted)
    return found
