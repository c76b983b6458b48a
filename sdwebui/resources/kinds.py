"""The kinds of resources that servers list, the route of each list, and how to parse it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sdwebui.resources import readers
from sdwebui.resources.names import Entry


@dataclass(frozen=True, slots=True)
class _List:
    route: str
    read: Callable[[Any], tuple[Entry, ...]]
    word: str
    plural: str


class Resource(Enum):
    """A kind of resource that servers list by name.

    A dialect defines which of these lists a family of servers has and which a parameter uses.
    """

    CHECKPOINTS = _List("/sdapi/v1/sd-models", readers.checkpoints, "model", "models")
    SAMPLERS = _List("/sdapi/v1/samplers", readers.named, "sampler", "samplers")
    SCHEDULERS = _List("/sdapi/v1/schedulers", readers.named, "schedule type", "schedulers")
    UPSCALERS = _List("/sdapi/v1/upscalers", readers.named, "upscaler", "upscalers")
    LATENT_UPSCALERS = _List(
        "/sdapi/v1/latent-upscale-modes", readers.named, "upscaler", "latent upscalers"
    )
    VAES = _List("/sdapi/v1/sd-vae", readers.files, "VAE", "VAEs")
    MODULES = _List("/sdapi/v1/sd-modules", readers.files, "VAE", "modules")
    LORAS = _List("/sdapi/v1/loras", readers.loras, "LoRA", "LoRAs")
    STYLES = _List("/sdapi/v1/prompt-styles", readers.styles, "style", "styles")
    EMBEDDINGS = _List("/sdapi/v1/embeddings", readers.embeddings, "embedding", "embeddings")
    CONTROLNET_MODELS = _List(
        "/controlnet/model_list",
        readers.names_under("model_list"),
        "ControlNet model",
        "ControlNet models",
    )
    CONTROLNET_MODULES = _List(
        "/controlnet/module_list",
        readers.names_under("module_list"),
        "ControlNet preprocessor",
        "ControlNet modules",
    )
    FACE_DETAILERS = _List(
        "/adetailer/v1/ad_model", readers.detectors, "face detailer", "face detailers"
    )
    DETAILERS = _List("/sdapi/v1/detailers", readers.detectors, "face detailer", "detailers")

    @property
    def route(self) -> str:
        """Path of the list, under the server's base URL."""
        return self.value.route

    @property
    def word(self) -> str:
        """What messages call one of them: "sampler", "LoRA"."""
        return self.value.word

    @property
    def plural(self) -> str:
        """What messages call several of them."""
        return self.value.plural

    def read(self, answer: Any) -> tuple[Entry, ...]:
        """Return the entries of a list that a server sent.

        Raises:
            KeyError: It is not of the usual form; or TypeError, AttributeError.
        """
        return self.value.read(answer)
