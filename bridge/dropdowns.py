"""Filling the dynamic-select fields of the forms from the server."""

from collections.abc import Mapping
from typing import Any

from dify_plugin.entities import I18nObject, ParameterOption

from bridge.credentials import CHECK_SECONDS, client_for
from sdwebui.client import Client
from sdwebui.errors import InvalidInput
from sdwebui.names import Offer

_LISTS: Mapping[str, tuple[str, ...]] = {
    "sampler": ("samplers",),
    "scheduler": ("schedulers",),
    "hr_upscaler": ("latent upscalers", "upscalers"),
    "upscaler": ("upscalers",),
    "upscaler_2": ("upscalers",),
    "control_model": ("ControlNet models",),
    "control_model_2": ("ControlNet models",),
    "control_module": ("ControlNet modules",),
    "control_module_2": ("ControlNet modules",),
}


def options_for(credentials: Mapping[str, Any], parameter: str) -> list[ParameterOption]:
    """The live choices of a parameter; an empty list where the server has none.

    Raises:
        WebUIError: The server cannot be asked.
    """
    client = client_for(credentials, seconds=CHECK_SECONDS)
    return [
        ParameterOption(value=offer.name, label=I18nObject(en_US=offer.label or offer.name))
        for offer in _offers(client, parameter)
        # "None" is how older Dify versions say that nothing was chosen.
        if offer.name != "None"
    ]


def _offers(client: Client, parameter: str) -> list[Offer]:
    catalog, deadline = client.catalog, client.deadline
    if parameter in {"model", "refiner"}:
        return list(catalog.checkpoints(deadline, fresh=True))
    dialect = catalog.dialect(deadline)
    if parameter == "vae":
        kinds: tuple[str | None, ...] = (dialect.vae_list,)
    elif parameter == "face_detailer":
        kinds = (dialect.detailer_list,)
    elif parameter == "scheduler" and not dialect.schedulers:
        kinds = ()
    elif parameter in _LISTS:
        kinds = _LISTS[parameter]
    else:
        raise InvalidInput(f"The parameter {parameter} has no list of choices.")
    return [
        offer
        for kind in kinds
        if kind
        for offer in catalog.offers(kind, deadline, fresh=True) or ()
    ]
