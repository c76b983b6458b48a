"""What one server offers: checkpoints, samplers, LoRAs, …, each list kept for a short while."""

from dataclasses import dataclass
from typing import Any

from sdwebui.errors import ModelMissing, NotAWebUI, ProxyFailed, RateLimited, ServerFault
from sdwebui.http.deadline import Deadline
from sdwebui.http.transport import Transport
from sdwebui.resources import readers
from sdwebui.resources.cache import Cache
from sdwebui.resources.kinds import Resource
from sdwebui.resources.names import Entry, find, lookup
from sdwebui.resources.readers import Checkpoint

LIST_SECONDS = 120.0
"""How long a list is used; a name that it lacks is looked up anew before it is refused."""

LOADED_SECONDS = 20.0
"""How long the loaded checkpoint is used: anybody may change it in the WebUI."""

LIST_DEADLINE = 20.0
"""Seconds for one list. sd.cpp took 7 for a GET while 12 generations were in flight (recording
pool-get-samplers-with-12-generations-queued)."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The lists of one server, within the time limit of one call.

    Attributes:
        transport: Asks the server.
        cache: Keeps the lists for all calls to it.
        deadline: When this call stops waiting for one.
    """

    transport: Transport
    cache: Cache
    deadline: Deadline

    def _get(self, path: str, job: str) -> Any:
        return self.transport.get(path, deadline=self.deadline.sooner(LIST_DEADLINE), job=job)

    def checkpoints(self, *, fresh: bool = False) -> tuple[Checkpoint, ...]:
        """Return the checkpoints.

        Raises:
            ModelMissing: There is none.
            NotAWebUI: The response is no list of models.
        """
        server = self.transport.server
        resource = Resource.CHECKPOINTS

        def fetch() -> tuple[Checkpoint, ...]:
            answer = self._get(resource.route, "list the models")
            if not isinstance(answer, list) or not all(
                isinstance(one, dict) and (one.get("title") or one.get("model_name"))
                for one in answer
            ):
                raise NotAWebUI(
                    f"{server.url}{resource.route} answered with JSON that is no list of "
                    "models. Check that base_url is the address of a Stable Diffusion WebUI."
                )
            if not answer:
                raise ModelMissing(
                    f"The WebUI at {server.url} has no checkpoint. Put one into its "
                    "models/Stable-diffusion folder and press refresh there."
                )
            return readers.checkpoints(answer)

        return self.cache.get(resource.name, LIST_SECONDS, fetch, self.deadline, fresh=fresh)

    def checkpoint(self, wanted: str) -> Checkpoint:
        """Return the checkpoint of any name that the server, or a person, gives it.

        Raises:
            UnknownName: With the nearest names and the first ones.
        """
        known = self.checkpoints()
        if not lookup(wanted, known):
            known = self.checkpoints(fresh=True)
        return find(Resource.CHECKPOINTS.word, wanted, known)

    def loaded(self) -> str:
        """Return the checkpoint that is used when none is requested; "" when it is not reported."""

        def fetch() -> str:
            try:
                options = self._get("/sdapi/v1/options", "read the loaded model")
            except (NotAWebUI, ServerFault):
                return ""
            name = options.get("sd_model_checkpoint") if isinstance(options, dict) else None
            return str(name or "")

        return self.cache.get("loaded", LOADED_SECONDS, fetch, self.deadline)

    def entries(self, resource: Resource, *, fresh: bool = False) -> tuple[Entry, ...] | None:
        """Return a list; None when this server has no such list.

        Args:
            resource: Any but the checkpoints.
            fresh: Ask the server even when a list is at hand.

        Raises:
            WebUIError: The server cannot be reached or does not let us in.
        """

        def fetch() -> tuple[Entry, ...] | None:
            try:
                return resource.read(self._get(resource.route, f"list the {resource.plural}"))
            except (ProxyFailed, RateLimited):
                raise
            except (NotAWebUI, ServerFault, KeyError, TypeError, AttributeError):
                # No such route, or (SD.Next's /schedulers) one that fails.
                return None

        return self.cache.get(resource.name, LIST_SECONDS, fetch, self.deadline, fresh=fresh)

    def find(self, resource: Resource, wanted: str, *, word: str = "") -> Entry:
        """Return what a name means; a server without such a list is believed to know the name.

        Args:
            resource: The list to look in.
            wanted: What the user wrote.
            word: What messages call it, instead of the list's own word.

        Raises:
            UnknownName: The server does not have it.
        """
        known = self.entries(resource)
        if known is not None and not lookup(wanted, known):
            known = self.entries(resource, fresh=True)
        if known is None:
            return Entry(name=wanted)
        return find(word or resource.word, wanted, known)
