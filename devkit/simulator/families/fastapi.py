"""What A1111, Forge and SD.Next share because FastAPI serves all three."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from devkit.simulator.families.base import Family, HTTPError, ServerException
from devkit.simulator.settings import Settings
from devkit.simulator.validation import Invalid, Rules
from devkit.simulator.wire import Answer, Headers, Request

Handler = Callable[[Request, Any], Answer]

ANY_OBJECT = "any object"
"""In the place of a model's name: the body may be any JSON object."""

PAGE = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8" />'
    "<title>{title}</title></head><body><gradio-app></gradio-app></body></html>\n"
)


@dataclass(frozen=True)
class Route:
    """An endpoint. ``model`` names the fields its body is checked against."""

    handler: Handler
    model: str | None = None
    guarded: bool = True
    part: str = "api"
    """``api`` is there with ``--api``, ``webui`` unless ``--nowebui``, ``always`` in any case."""


class FastAPIServer(Family):
    """Routing, Basic auth, validation and error shapes."""

    rules: ClassVar[Rules]
    page_title: ClassVar[str] = "Stable Diffusion"
    api_title: ClassVar[str] = "FastAPI"
    challenge: ClassVar[Headers] = {}

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """As ``Family``."""
        super().__init__(settings)
        self.routes: dict[str, dict[str, Route]] = {}
        self.add("GET", "/", self.page, part="webui", guarded=False)
        self.add("GET", "/docs", self.docs, part="always", guarded=False)
        self.add("GET", "/openapi.json", self.openapi, part="always", guarded=False)

    def add(
        self,
        method: str,
        path: str,
        handler: Handler | Any,
        *,
        model: str | None = None,
        guarded: bool = True,
        part: str = "api",
    ) -> None:
        """Serve a path with a handler, or with a fixed JSON value."""
        if not callable(handler):
            value = handler

            def handler(_request: Request, _body: Any) -> Answer:
                return Answer.of_json(value)

        route = Route(handler, model, guarded, part)
        self.routes.setdefault(path, {})[method] = route

    def present(self, route: Route) -> bool:
        """Whether the server was started with the part that a route belongs to."""
        parts = {"api": self.settings.api, "webui": self.settings.webui}
        return parts.get(route.part, True)

    def found(self, path: str) -> dict[str, Route]:
        """The routes of a path by method."""
        return {m: r for m, r in self.routes.get(path, {}).items() if self.present(r)}

    def answer(self, request: Request) -> Answer:
        """Route, authenticate, validate, handle."""
        routes = self.found(request.path) or self.unsimulated(request.path)
        if not routes:
            if request.path.endswith("/") and self.found(request.path[:-1]):
                host = request.header("host") or "127.0.0.1"
                location = f"http://{host}{self.settings.subpath}{request.path[:-1]}"
                return Answer(307, b"", {"location": location})
            return Answer.of_json({"detail": "Not Found"}, 404)
        route = routes.get(request.method)
        if route is None:
            detail = {"detail": "Method Not Allowed"}
            return Answer.of_json(detail, 405, headers={"allow": ", ".join(routes)})
        try:
            body = self.rules.parsed(request) if route.model else None
            if route.guarded:
                self.authenticate(request)
            return route.handler(request, self.validated(route, body))
        except Invalid as problem:
            return Answer.of_json({"detail": problem.faults}, 422)
        except HTTPError as problem:
            return self.error(problem.status, problem.detail)
        except ServerException as problem:
            return self.exception(problem.kind, problem.text)

    def unsimulated(self, path: str) -> dict[str, Route]:
        """Endpoints of the real server that only its password and its methods are played of."""
        if not path.startswith("/sdapi/") or not self.settings.api:
            return {}

        def missing(_request: Request, _body: Any) -> Answer:
            return Answer.of_json({"detail": "Not Found"}, 404)

        return {method: Route(missing) for method in self.data["routes"].get(path, ())}

    def validated(self, route: Route, body: Any) -> Any:
        """The body as the route wants it; raises Invalid."""
        if route.model is None:
            return None
        if route.model != ANY_OBJECT:
            return self.rules.checked(self.data["fields"][route.model], body)
        if not isinstance(body, dict):
            raise Invalid([self.no_dictionary(body)])
        return body

    def no_dictionary(self, body: Any) -> dict[str, Any]:
        """The complaint about a free-form body that is no object."""
        return self.rules.no_object(body)

    def authenticate(self, request: Request) -> None:
        """Basic auth as FastAPI's HTTPBasic does it; raises HTTPError 401."""
        if self.settings.auth is None:
            return
        scheme, _, value = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            raise HTTPError(401, "Not authenticated")
        try:
            given = base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError) as problem:
            raise HTTPError(401, self.malformed) from problem
        if ":" not in given:
            raise HTTPError(401, self.malformed)
        if not secrets.compare_digest(given, self.settings.auth):
            raise HTTPError(401, self.refused)

    malformed: ClassVar[str] = "Invalid authentication credentials"
    refused: ClassVar[str] = "Incorrect username or password"

    def page(self, _request: Request, _body: Any) -> Answer:
        """The web interface, or rather the fact that there is one."""
        return Answer.of_text(PAGE.format(title=self.page_title))

    def docs(self, _request: Request, _body: Any) -> Answer:
        """The page about the API."""
        return Answer.of_text(PAGE.format(title=f"{self.api_title} - Swagger UI"))

    def openapi(self, _request: Request, _body: Any) -> Answer:
        """Paths, methods and the fields of the requests: what clients look at."""
        served = {
            path: methods for path, methods in self.data["routes"].items()
            if self.settings.webui and not path.startswith("/sdapi/")
        }  # fmt: skip
        if self.settings.api:
            served.update(
                (path, methods) for path, methods in self.data["routes"].items()
                if path.startswith("/sdapi/")
            )  # fmt: skip
        for path in self.routes:
            if self.found(path):
                served.setdefault(path, sorted(self.found(path)))
        hidden = {"/docs", "/openapi.json"}
        names = {
            "txt2img": "StableDiffusionProcessingTxt2Img",
            "img2img": "StableDiffusionProcessingImg2Img",
        }
        schemas = {
            names.get(name, name): {"title": names.get(name, name), "type": "object",
                                    "properties": dict(fields)}
            for name, fields in self.data["fields"].items()
        }  # fmt: skip
        return Answer.of_json({
            "openapi": "3.0.2",
            "info": {"title": self.api_title, "version": "0.1.0"},
            "paths": {
                path: {method.lower(): {"summary": path.rsplit("/", 1)[-1]} for method in methods}
                for path, methods in served.items() if path not in hidden
            },
            "components": {"schemas": schemas if self.settings.api else {}},
        })  # fmt: skip
