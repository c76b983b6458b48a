"""What every simulated family of servers has: files, a queue, routes, and a way to answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import imagefiles, painter
from devkit.simulator.inventory import Inventory, data_of
from devkit.simulator.jobs import Queue
from devkit.simulator.settings import Settings
from devkit.simulator.wire import NOT_FOUND, Answer, Request

GENERATIONS = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")
"""Paths of the requests that make images."""

Body = dict[str, Any]


class HTTPError(Exception):
    """An error that the server raises on purpose: a status and a text."""


class ServerException(Exception):
    """A Python exception inside the real server: its class name and its text."""


@dataclass(frozen=True)
class Route:
    """An endpoint.

    Attributes:
        handler: Takes the request's body, returns an answer or a value to be written as JSON.
        fields: Names the table that the body is checked against; None where there is none.
        guarded: Whether a password guards it.
        part: "api" is there with ``--api``, "webui" unless ``--nowebui``, "always" in any case.
    """

    handler: Callable[[Any], Any]
    fields: str | None = None
    guarded: bool = True
    part: str = "api"


class Family:
    """One simulated server from its start to its end.

    Attributes:
        settings: As they are now; whoever changes them sets them.
    """

    name: ClassVar[str]
    data_name: ClassVar[str]
    recorded_inventory: ClassVar[str] = "recorded"
    keep_alive: ClassVar[bool] = True
    queue_limit: ClassVar[int | None] = None
    json_style: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.recorded = _failures_of(self.data_name)
        self.queue = Queue(self.queue_limit)
        self.start()

    def start(self) -> None:
        """Look up what there is and serve it: at first, and when the settings name other files."""
        self.data = data_of(self.data_name)
        self.lists: Body = self.data["lists"]
        self.routes: dict[tuple[str, str], Route] = {}
        self.restock()
        self.add_routes()

    def restock(self) -> None:
        """Look up files and options."""
        # The very machine of the recordings lacked some weights.
        self.is_recorded = self.settings.catalog == "recorded"
        name = self.recorded_inventory if self.is_recorded else self.settings.catalog
        self.inventory = Inventory.named(name, self.settings.models)

    def add_routes(self) -> None:
        """Fill the table of routes."""

    def get(self, path: str, value: Any, **options: Any) -> None:
        """Serve a value, or what a function without arguments returns."""
        call = value if callable(value) else lambda: value
        self.routes["GET", path] = Route(lambda _body: call(), **options)

    def post(self, path: str, handler: Callable[[Any], Any], **options: Any) -> None:
        """Serve what a function makes of the body."""
        self.routes["POST", path] = Route(handler, **options)

    def answer(self, request: Request) -> Answer:
        """Route a request, read its body, let it be handled."""
        parts = {"api": self.settings.api, "webui": self.settings.webui, "always": True}
        route = self.routes.get((request.method, request.path))
        if route is None or not parts[route.part]:
            return self.missing(request)
        try:
            value = route.handler(self.read(route, request))
        except HTTPError as error:
            return self.error(*error.args)
        except ServerException as error:
            return self.exception(*error.args)
        except (KeyError, TypeError, ValueError) as error:
            # As Python servers answer to values that nobody thought of.
            return self.exception(type(error).__name__, str(error))
        return value if isinstance(value, Answer) else self.written(value)

    def read(self, route: Route, request: Request) -> Any:
        """Return a request's body as the handler wants it."""
        raise NotImplementedError

    def written(self, value: Any, status: int = 200) -> Answer:
        """Return JSON as the family writes it."""
        return Answer.of_json(value, status, **self.json_style)

    def missing(self, _request: Request) -> Answer:
        """Return what the family answers for a route that it does not have."""
        return NOT_FOUND

    def exception(self, kind: str, text: str) -> Answer:
        """Return how the family tells that a job failed with an exception."""
        return self.written(_filled(self.recorded["exception"], kind=kind, text=text), 500)

    def error(self, status: int, detail: str) -> Answer:
        """Return how the family writes an error of its own making."""
        value = _filled(self.recorded["error"], status=status, detail=detail)
        return self.written(value, status)

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
