"""The base of all tools' parameters: checks, and the messages about what is wrong."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from sdwebui.errors import ImageMissing, InvalidInput
from sdwebui.form_texts import number, plain_number
from sdwebui.parameter_types import is_unset

_KEYS = {
    "vae": "VAE",
    "hires_fix": "Hires upscale",
    "face_detailer": "ADetailer model",
    "face_restorer": "Face restoration",
    "mask_padding": "Masked area padding",
    "scheduler": "Schedule type",
    "variation_strength": "Variation seed strength",
    "model_hash": "Model hash",
}
"""Keys of generation data for fields that go by another name there."""

_INTERNAL = frozenset(
    {
        "fields", "detailers", "extra", "lenient", "repeated", "notes", "controlnet_0",
        "controlnet_1", "reproduce",
    }
)  # fmt: skip
"""Fields that no single key of generation data sets."""


class Parameters(BaseModel):
    """The base of all tools' parameters: unset values are dropped, unknown names refused.

    Attributes:
        LLM: Fields of the form that an agent's model or a mapping fills.
        SETTINGS: Fields of the form that the builder of the app fills.
        IMAGE: The field of the image that the tool works on; "" if there is none.
        USELESS: Inherited fields that have no effect in this tool.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, coerce_numbers_to_str=True
    )

    LLM: ClassVar[tuple[str, ...]] = ()
    SETTINGS: ClassVar[tuple[str, ...]] = ()
    IMAGE: ClassVar[str] = ""
    USELESS: ClassVar[frozenset[str]] = frozenset()

    if not TYPE_CHECKING:  # which would hide the fields' own types

        def __init__(self, **values: Any) -> None:
            """Check the values.

            Raises:
                InvalidInput: A value is wrong; the message names each.
            """
            try:
                super().__init__(**values)
            except ValidationError as error:
                # The cause would show whole values in a traceback.
                raise InvalidInput(_messages(error, {})) from None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Return the checked values of a form, or of an agent's model.

        Raises:
            InvalidInput: A value is wrong; the message names each, its range and what was given.
        """
        values = {
            name: value
            for name, value in given.items()
            if not is_unset(value)
            # A prompt may be the word None.
            or (name == "prompt" and value == "None")
        }
        unknown = [name for name in values if name not in {*cls.LLM, *cls.SETTINGS}]
        if unknown:
            raise InvalidInput(" ".join(map(cls._unknown_message, unknown)))
        requested = cls.build(values)
        if cls.IMAGE and not getattr(requested, cls.IMAGE):
            raise ImageMissing(f"{cls.IMAGE} is missing: hand over an image file.")
        return requested

    @classmethod
    def _unknown_message(cls, name: str) -> str:
        """Return the message about a parameter that the form does not have."""
        known = name in cls.model_fields and name not in _INTERNAL | cls.USELESS
        if not known or "more_settings" not in cls.SETTINGS:
            return f"There is no parameter {name[:60]}."
        key = _KEYS.get(name) or name.replace("_", " ").capitalize()
        return f"There is no parameter {name} in this form; write {key}: … in more_settings."

    @classmethod
    def build(cls, values: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Self:
        """Return checked values, also of fields that the form does not have.

        Args:
            values: By field.
            names: What messages call a field, if not by its own name.

        Raises:
            InvalidInput: A value is wrong; the message names each.
        """
        try:
            return cls(**values)
        except InvalidInput as error:
            if isinstance(error.__context__, ValidationError):
                raise InvalidInput(_messages(error.__context__, names or {})) from None
            raise

    @property
    def explicit(self) -> dict[str, Any]:
        """The values that were given and differ from their defaults.

        Dify hands over the defaults of a form like values that somebody chose.
        """
        return {
            name: value
            for name in self.model_fields_set
            if (value := getattr(self, name)) != type(self).model_fields[name].default
        }


def _messages(error: ValidationError, names: Mapping[str, str]) -> str:
    """Return a message about each value that is wrong."""
    return " ".join(dict.fromkeys(_message(details, names) for details in error.errors()))


def _message(error: Any, names: Mapping[str, str]) -> str:
    """Return the message about one of pydantic's validation errors."""
    place = [str(part) for part in error["loc"] if not isinstance(part, int)]
    # The other name of the field, or of the field that it is a part of.
    known = next((n for n in range(len(place), 0, -1) if ".".join(place[:n]) in names), 0)
    parts = [names[".".join(place[:known])]] if known else []
    name = ": ".join([*parts, *place[known:]]) or "parameters"
    if place == ["lora", "weight"]:
        name = name.removesuffix("weight") + "a weight"
    context = error.get("ctx", {})
    text = str(error["input"])[:60]
    given = f"(got {text if number(text) is not None else repr(text)})"
    match error["type"]:
        case "extra_forbidden":
            if len(place) == 1:
                return f"There is no parameter {name}."
            return f"{parts[0] if parts else place[0]} cannot be read {given}."
        case "greater_than_equal":
            return f"{name} must be at least {plain_number(context['ge'])} {given}."
        case "less_than_equal":
            return f"{name} must be at most {plain_number(context['le'])} {given}."
        case "literal_error":
            return f"{name} must be one of {context['expected']} {given}."
        case kind if kind.startswith(("int_", "float_")):
            return f"{name} must be a {'whole ' if kind.startswith('int_') else ''}number {given}."
        case kind if kind.startswith("bool_"):
            return f"{name} must be true or false {given}."
        case "is_instance_of" | "tuple_type":
            # The value is not repeated: it may be the signed address of a file.
            return f"{name} must be an image file."
        case "string_type":
            return f"{name} must be text {given}."
        case "value_error":
            return f"{name}: {context['error']}."
        case _:
            return f"{name}: {error['msg']} {given}."
