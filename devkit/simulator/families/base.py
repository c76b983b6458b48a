"""What every simulated family of servers has: files, a queue, routes, and a way to answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import imagefiles, painter
from devkit.simulator.inventory import Inventory, data_of
from devkit.simulator.jobs import Busy, Queue
from devkit.simulator.server import drop
from devkit.simulator.settings import Settings
from devkit.simulator.validation import Invalid
from devkit.simulator.wire import NOT_FOUND, Answer, Request

GENERATIONS = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")
"""Paths of the requests that make images."""

Body = dict[str, Any]


class HTTPError(Exception):
    """An error that the server raises on purpose: a status and a text."""


class ServerException(Exception):
    """A Python exception inside the real server: its class name and its text."""


class Dropped(Exception):
    """The server closes the connection without an answer."""


@dataclass(frozen=True)
class Route:
    """An endpoint.

    Attributes:
        handler: Takes the request's body, returns an answer or a value to be written as JSON.
        fields: Names the table that the body is checked against; None where there is none.
        guarded: Whether a password guards it.
    """

    handler: Callable[[Any], Any]
    fields: str | None = None
    guarded: bool = True


class Family:
    """One simulated server from its start to its end.

    Attributes:
        settings: As they are now; whoever changes them sets them.
    """

    name: ClassVar[str]
    recorded_inventory: ClassVar[str] = "recorded"
    keep_alive: ClassVar[bool] = True
    queue_limit: ClassVar[int | None] = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.queue = Queue(self.queue_limit)
        self.start()

    def start(self) -> None:
        """Look up what there is and serve it: at first, and when the settings name other files."""
        # The versions of a program share its recorded data.
        program = self.name.partition("-")[0]
        self.recorded, self.data = _failures_of(program), data_of(program)
        self.lists: Body = self.data["lists"]
        self.routes: dict[tuple[str, str], Route] = {}
        # The very machine of the recordings lacked some weights.
        self.is_recorded = self.settings.catalog == "recorded"
        name = self.recorded_inventory if self.is_recorded else self.settings.catalog
        self.inventory = Inventory.named(name, self.settings.models)

    def get(self, path: str, value: Any, **options: Any) -> None:
        """Serve a value, or what a function without arguments returns."""
        call = value if callable(value) else lambda: value
        self.routes["GET", path] = Route(lambda _body: call(), **options)

    def post(self, path: str, handler: Callable[[Any], Any], **options: Any) -> None:
        """Serve what a function makes of the body."""
        self.routes["POST", path] = Route(handler, **options)

    def answer(self, request: Request) -> Answer:
        """Route a request, read its body, let it be handled."""
        route = self.routes.get((request.method, request.path))
        if route is None:
            return self.missing(request)
        try:
            value = route.handler(self.read(route, request))
        except HTTPError as error:
            return self.error(*error.args)
        except ServerException as error:
            return self.exception(*error.args)
        except Invalid as invalid:
            return Answer.of_json({"detail": invalid.args}, 422)
        except Busy:
            return self.error(503, "Server is busy; please try again later.")
        except Dropped:
            return Answer(sender=drop)
        except (KeyError, TypeError, ValueError) as error:
            # As Python servers answer to values that nobody thought of.
            return self.exception(type(error).__name__, str(error))
        return value if isinstance(value, Answer) else Answer.of_json(value)

    def read(self, route: Route, request: Request) -> Any:
        """Return a request's body as the handler wants it."""
        raise NotImplementedError

    def missing(self, _request: Request) -> Answer:
        """Return what the family answers for a route that it does not have."""
        return NOT_FOUND

    def exception(self, kind: str, text: str) -> Answer:
        """Return how the family reports that a job failed with an exception."""
        return Answer.of_json(_filled(self.recorded["exception"], kind=kind, text=text), 500)

    def error(self, status: int, detail: str) -> Answer:
        """Return how the family writes an error of its own making."""
        return Answer.of_json(_filled(self.recorded["error"], status=status, detail=detail), status)

    def failure(self, name: str, *words: object) -> ServerException:
        """Return a recorded exception, its gaps filled in."""
        kind, text = self.recorded["failures"][name]
        return ServerException(kind, text.format(*words))

    def encoded(self, image: Image.Image, text: str | None, seed: int = 0, **form: Any) -> str:
        """Return an image as base64, its parameters inside, as heavy as the settings want it."""
        if self.settings.png_bytes:
            image = painter.weighed_down(image, self.settings.png_bytes, seed)
        return imagefiles.encode(image, text, **form)


def _failures_of(name: str) -> Body:
    """Return a family's recorded failures, over those of the family that it resembles."""
    own: Body = data_of("failures")[name]
    base = _failures_of(own.pop("like")) if "like" in own else {}
    merged = {
        part: {**base.get(part, {}), **own.get(part, {})} for part in ("findings", "failures")
    }
    return {**base, **own, **merged}


def _filled(shape: Body, **words: object) -> Body:
    """Return a recorded answer, its gaps filled in."""
    texts = {key: value.format(**words) for key, value in shape.items() if isinstance(value, str)}
    return {**shape, **texts}
