"""What one server offers: its family, checkpoints, samplers, LoRAs, …, kept for a short while."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sdwebui.dialects import Dialect, recognise
from sdwebui.errors import (
    DeadlineExceeded,
    ModelMissing,
    NotAWebUI,
    ProxyFailed,
    RateLimited,
    ServerFault,
    WebUIError,
)
from sdwebui.http.deadline import Deadline
from sdwebui.http.per_server import PerServer
from sdwebui.http.transport import Transport, transport_to
from sdwebui.resources import readers as offers
from sdwebui.resources.names import Offer, find, lookup
from sdwebui.resources.readers import Checkpoint

LIST_SECONDS = 120.0
"""How long a list is believed; a name that it lacks is looked up anew before it is refused."""

FAMILY_SECONDS = 600.0
"""How long the family of a server is believed; an unexpected 404 ends it sooner."""

LOADED_SECONDS = 20.0
"""How long the loaded checkpoint is believed: anybody may change it in the WebUI."""

LIST_DEADLINE = 20.0
"""Seconds for one list. sd.cpp took 7 for a GET while 12 generations were in flight (recording
pool-get-samplers-with-12-generations-queued)."""


@dataclass(frozen=True, slots=True)
class _Source:
    path: str
    read: Callable[[Any], tuple[Offer, ...]]


_SOURCES = {
    "samplers": _Source("/sdapi/v1/samplers", offers.named),
    "schedulers": _Source("/sdapi/v1/schedulers", offers.named),
    "upscalers": _Source("/sdapi/v1/upscalers", offers.named),
    "latent upscalers": _Source("/sdapi/v1/latent-upscale-modes", offers.named),
    "VAEs": _Source("/sdapi/v1/sd-vae", offers.files),
    "modules": _Source("/sdapi/v1/sd-modules", offers.files),
    "LoRAs": _Source("/sdapi/v1/loras", offers.loras),
    "styles": _Source("/sdapi/v1/prompt-styles", offers.styles),
    "embeddings": _Source("/sdapi/v1/embeddings", offers.embeddings),
    "ControlNet models": _Source("/controlnet/model_list", offers.plain("model_list")),
    "ControlNet modules": _Source("/controlnet/module_list", offers.plain("module_list")),
    "face detailers": _Source("/adetailer/v1/ad_model", offers.detectors),
    "detailers": _Source("/sdapi/v1/detailers", offers.detectors),
}


def _again(error: WebUIError) -> WebUIError:
    """The same error without what it remembers of where it was raised."""
    return type(error)(str(error))


class Catalog:
    """The lists of one server, each fetched when it is first needed; safe to share."""

    def __init__(self, transport: Transport) -> None:
        self.server = transport.server
        self._transport = transport
        self._kept: dict[str, tuple[float, Any]] = {}
        self._failed: dict[str, tuple[float, WebUIError]] = {}
        self._lock = threading.RLock()

    def _cached(
        self,
        key: str,
        seconds: float,
        fetch: Callable[[], Any],
        deadline: Deadline,
        fresh: bool = False,
    ) -> Any:
        kept = self._kept.get(key)
        if kept and not fresh and time.monotonic() - kept[0] < seconds:
            return kept[1]
        began = time.monotonic()
        # One fetch at a time: many calls that start together ask the server once.
        if not self._lock.acquire(timeout=deadline.remaining):
            raise DeadlineExceeded(
                f"{self.server.url} did not tell in time what it offers. The WebUI may be "
                "starting, hang or be very busy; look into its console."
            )
        try:
            latest = self._kept.get(key)
            if latest is not kept and latest and time.monotonic() - latest[0] < seconds:
                return latest[1]
            failed_at, failure = self._failed.get(key, (0.0, None))
            if failure and failed_at > began:
                # While we waited: to try it again would make those behind us wait as long again.
                raise _again(failure)
            try:
                value = fetch()
            except WebUIError as error:
                # A call that had little time left failed for itself only.
                if not deadline.passed:
                    self._failed[key] = (time.monotonic(), _again(error))
                raise
            self._kept[key] = (time.monotonic(), value)
            return value
        finally:
            self._lock.release()

    def _get(self, path: str, deadline: Deadline, job: str) -> Any:
        return self._transport.get(path, deadline=deadline.sooner(LIST_DEADLINE), job=job)

    def dialect(self, deadline: Deadline) -> Dialect:
        """Which family the server is of, found out once.

        Raises:
            WebUIError: It cannot be reached or does not let us in.
        """
        found: Dialect = self._cached(
            "dialect",
            FAMILY_SECONDS,
            lambda: recognise(self._transport, deadline.sooner(LIST_DEADLINE)),
            deadline,
        )
        return found

    def forget(self) -> None:
        """Believe nothing any more: the server behind the address seems to have changed."""
        with self._lock:
            self._kept.clear()

    def checkpoints(self, deadline: Deadline, *, fresh: bool = False) -> tuple[Checkpoint, ...]:
        """The checkpoints.

        Raises:
            ModelMissing: There is none.
            NotAWebUI: The answer is no list of models.
        """

        def fetch() -> tuple[Checkpoint, ...]:
            answer = self._get("/sdapi/v1/sd-models", deadline, "list the models")
            if not isinstance(answer, list) or not all(
                isinstance(one, dict) and (one.get("title") or one.get("model_name"))
                for one in answer
            ):
                raise NotAWebUI(
                    f"{self.server.url}/sdapi/v1/sd-models answered with JSON that is no list of "
                    "models. Check that base_url is the address of a Stable Diffusion WebUI."
                )
            if not answer:
                raise ModelMissing(
                    f"The WebUI at {self.server.url} has no checkpoint. Put one into its "
                    "models/Stable-diffusion folder and press refresh there."
                )
            return offers.checkpoints(answer)

        found: tuple[Checkpoint, ...] = self._cached("models", LIST_SECONDS, fetch, deadline, fresh)
        return found

    def checkpoint(self, wanted: str, deadline: Deadline) -> Checkpoint:
        """The checkpoint of any name that the server, or a person, gives it.

        Raises:
            UnknownName: With the nearest names and the first ones.
        """
        known = self.checkpoints(deadline)
        if not lookup(wanted, known):
            known = self.checkpoints(deadline, fresh=True)
        return find("model", wanted, known)

    def loaded(self, deadline: Deadline) -> str:
        """The checkpoint that the server uses when none is asked for; "" when it does not say."""

        def fetch() -> str:
            try:
                options = self._get("/sdapi/v1/options", deadline, "read the loaded model")
            except (NotAWebUI, ServerFault):
                return ""
            said = options.get("sd_model_checkpoint") if isinstance(options, dict) else None
            return str(said or "")

        found: str = self._cached("loaded", LOADED_SECONDS, fetch, deadline)
        return found

    def offers(
        self, kind: str, deadline: Deadline, *, fresh: bool = False
    ) -> tuple[Offer, ...] | None:
        """A list by its name; None when this server has no such list.

        Args:
            kind: A key such as "samplers", "LoRAs", "ControlNet models".
            deadline: When to give up.
            fresh: Ask the server even when a list is at hand.

        Raises:
            WebUIError: The server cannot be reached or does not let us in.
        """
        source = _SOURCES[kind]

        def fetch() -> tuple[Offer, ...] | None:
            try:
                answer = self._get(source.path, deadline, f"list the {kind}")
                return source.read(answer)
            except (ProxyFailed, RateLimited):
                raise
            except (NotAWebUI, ServerFault, KeyError, TypeError, AttributeError):
                # No such route, or (SD.Next's /schedulers) one that fails.
                return None

        found: tuple[Offer, ...] | None = self._cached(kind, LIST_SECONDS, fetch, deadline, fresh)
        return found

    def one(self, kind: str, singular: str, wanted: str, deadline: Deadline) -> Offer:
        """What a name means; a server without such a list is believed to know the name.

        Raises:
            UnknownName: The server does not have it.
        """
        known = self.offers(kind, deadline)
        if known is not None and not lookup(wanted, known):
            known = self.offers(kind, deadline, fresh=True)
        return Offer(name=wanted) if known is None else find(singular, wanted, known)


catalog_of = PerServer(lambda server: Catalog(transport_to(server)))
"""The catalog that all calls to a server share."""
