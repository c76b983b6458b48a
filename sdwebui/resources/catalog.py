"""The lists of one server, such as checkpoints and LoRAs, cached for a short while."""

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
"""How long a list is used; it is fetched again before a name that it lacks is refused."""

LOADED_SECONDS = 20.0
"""How long the loaded checkpoint is used: anybody may change it in the WebUI."""

LIST_DEADLINE = 20.0
"""Seconds for one list. sd.cpp took 7 for a GET while 12 generations were in flight (recording
pool-get-samplers-with-12-generations-queued)."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The lists of one server, within the time limit of one call.

    Attributes:
        transport: Sends the requests.
        cache: Keeps the lists for all calls to the server.
        deadline: When this call stops waiting for a list.
    """

    transport: Transport
    cache: Cache
    deadline: Deadline

    def _get(self, path: str, job: str) -> Any:
        """Request a list."""
        return self.transport.get(path, deadline=self.deadline.sooner(LIST_DEADLINE), job=job)

    def checkpoints(self, *, fresh: bool = False) -> tuple[Checkpoint, ...]:
        """Return all checkpoints.

        Raises:
            ModelMissing: There is none.
            NotAWebUI: The response is no list of models.
        """
        server = self.transport.server
        resource = Resource.CHECKPOINTS

        def fetch() -> tuple[Checkpoint, ...]:
            answer = self._get(resource.route, "list the models")
            if not isinstance(answer, list) or not all(
                isinstance(entry, dict) and (entry.get("title") or entry.get("model_name"))
                for entry in answer
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
        """Return a checkpoint by any of its names.

        Raises:
            UnknownName: There is none of that name; the message lists the nearest names.
        """
        known = self.checkpoints()
        if not lookup(wanted, known):
            known = self.checkpoints(fresh=True)
        return find(Resource.CHECKPOINTS.word, wanted, known)

    def loaded(self) -> str:
        """Return the checkpoint that is used if none is requested; "" if it is not reported."""

        def fetch() -> str:
            try:
                options = self._get("/sdapi/v1/options", "read the loaded model")
            except (NotAWebUI, ServerFault):
                return ""
            name = options.get("sd_model_checkpoint") if isinstance(options, dict) else None
            return str(name or "")

        return self.cache.get("loaded", LOADED_SECONDS, fetch, self.deadline)

    def entries(self, resource: Resource, *, fresh: bool = False) -> tuple[Entry, ...] | None:
        """Return a list, or None if this server has no such list.

        Args:
            resource: Which one.
            fresh: Fetch the list even if it is cached.

        Raises:
            WebUIError: The server cannot be reached or denies access.
        """
        if resource is Resource.CHECKPOINTS:
            return self.checkpoints(fresh=fresh)

        def fetch() -> tuple[Entry, ...] | None:
            try:
                return resource.read(self._get(resource.route, f"list the {resource.plural}"))
            except (ProxyFailed, RateLimited):
                raise
            except (NotAWebUI, ServerFault, KeyError, TypeError, AttributeError):
                # There is no such route, or it fails (SD.Next's /schedulers).
                return None

        return self.cache.get(resource.name, LIST_SECONDS, fetch, self.deadline, fresh=fresh)

    def find(self, resource: Resource, wanted: str) -> Entry:
        """Return the entry of a name; on a server without such a list, an entry of that name.

        Args:
            resource: The list to search.
            wanted: What the user wrote.

        Raises:
            UnknownName: The server does not have it.
        """
        known = self.entries(resource)
        if known is not None and not lookup(wanted, known):
            known = self.entries(resource, fresh=True)
        if known is None:
            return Entry(name=wanted)
        return find(resource.word, wanted, known)
