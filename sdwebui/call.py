"""One call to one WebUI: what it works with, and its time limit."""

from dataclasses import dataclass

from sdwebui.application import SCRIPT, Application
from sdwebui.dialects import Dialect, dialect_of
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server
from sdwebui.http.transport import Transport
from sdwebui.planning.planner import NO_DEFAULTS, Defaults, Planner
from sdwebui.resources.cache import Cache
from sdwebui.resources.catalog import Catalog

RESERVE_SHARE, RESERVE_SECONDS = 0.05, 2.0
"""What is kept of the time limit for asking where the job stands and interrupting it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, within one time limit; made by :meth:`sdwebui.client.WebUI.call`.

    Attributes:
        transport: Sends its requests.
        cache: What is known of the server, shared with all calls to it.
        deadline: When the whole call ends, waiting in the server's queue included.
        defaults: The checkpoint for calls that name none, and words put before all prompts.
        application: The application that uses the client.
    """

    transport: Transport
    cache: Cache
    deadline: Deadline
    defaults: Defaults = NO_DEFAULTS
    application: Application = SCRIPT

    @property
    def server(self) -> Server:
        """The server of the call."""
        return self.transport.server

    @property
    def work(self) -> Deadline:
        """When to stop waiting, so that there is time left to see what became of the job."""
        seconds = self.deadline.seconds
        reserve = min(RESERVE_SECONDS, RESERVE_SHARE * seconds)
        return Deadline(self.deadline.end - reserve, seconds)

    @property
    def catalog(self) -> Catalog:
        """What the server offers."""
        return Catalog(self.transport, self.cache, self.work)

    @property
    def dialect(self) -> Dialect:
        """The family of the server.

        Raises:
            WebUIError: It cannot be reached or denies access.
        """
        return dialect_of(self.transport, self.cache, self.work)

    @property
    def planner(self) -> Planner:
        """Decides requests within the time limit."""
        return Planner(self.catalog, self.dialect, self.defaults, self.application.job_prefix)
