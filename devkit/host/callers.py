"""The callers that Dify has: what each tells a tool, and what becomes of the tool's messages.

As seen in Dify 1.13.0 (nodes, agent app, Agent node) and 1.16 (new agent). All files that a tool
sends are taken to be images.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from devkit.files import FileServer
from devkit.host.results import Seen, ToolFile, ToolResult
from devkit.host.tool_form import Parameter, ToolForm

IMAGE_SENTENCE = (
    "image has been created and sent to user already, "
    "you do not need to create it, just tell the user to check it now."
)

Values = Mapping[str, Any]
"""Of parameters, by name."""

_IDS = ("app_id", "conversation_id", "message_id")


class NotCalled(Exception):
    """Dify does not call the tool; the text is what Dify says, or what a test got wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(ABC):
    """Who calls a tool. Dify gives one person another user id in each app.

    Attributes:
        told: Which of the ids but the user's reach the tool.
    """

    user_id: str = "user-1"
    app_id: str = "app-1"
    conversation_id: str = "conversation-1"
    message_id: str = "message-1"
    told: ClassVar[tuple[str, ...]] = ()

    @property
    def session(self) -> dict[str, str | None]:
        """The ids as they stand in a line of the protocol."""
        return {name: getattr(self, name) if name in self.told else None for name in _IDS}

    @abstractmethod
    def arguments(
        self, form: ToolForm, given: Values, settings: Values, files: FileServer
    ) -> dict[str, Any]:
        """Return the parameters as they reach the tool.

        Args:
            form: The tool's form.
            given: What the model gives, or what is mapped to a node's input variables.
            settings: What the app's builder has set.
            files: Where a new agent's files lie.

        Raises:
            NotCalled: The tool is not called at all.
        """

    @abstractmethod
    def sees(self, result: ToolResult) -> Seen:
        """Return what users and models get of a result."""


class WorkflowNode(Caller):
    """A tool node of a workflow: hands over what is mapped and set, and nothing else."""

    __slots__ = ()
    told: ClassVar[tuple[str, ...]] = ("app_id",)

    def arguments(
        self,
        form: ToolForm,  # noqa: ARG002
        given: Values,
        settings: Values,
        files: FileServer,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return settings and mapped values together."""
        return {**settings, **given}

    def sees(self, result: ToolResult) -> Seen:
        """Return the node's output variables; images by link are files too."""
        shown = tuple(body for kind, body in _messages(result) if kind == "image")
        outputs = {
            "text": result.text,
            "files": list(shown),
            "json": list(result.jsons) or [{"data": []}],
            **result.variables,
        }
        return Seen(shown=shown, outputs=outputs)


class ChatflowNode(WorkflowNode):
    """A tool node of a chatflow."""

    __slots__ = ()
    told = ("app_id", "conversation_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Caller):
    """An app whose model calls the tool and reads its answer.

    Attributes:
        insists: The model also sends parameters that it is not shown.
        takes_files: The model is shown file parameters and gets a file's bytes as text.
        keeps_variables: The model reads variables.
        json_in_place: JSON stands where it came, not at the end.
    """

    insists: bool = False
    takes_files: ClassVar[bool] = False
    keeps_variables: ClassVar[bool] = False
    json_in_place: ClassVar[bool] = False

    def sees(self, result: ToolResult) -> Seen:
        """Return the text for the model, its parts joined with nothing between them."""
        parts: list[str] = []
        last: list[str] = []
        shown: list[ToolFile | str] = []
        for kind, body in _messages(result):
            match kind:
                case "text":
                    parts.append(body["text"])
                case "link":
                    parts.append(f"result link: {body['text']}. please tell user to check it.")
                case "image" if self.takes_files and isinstance(body, ToolFile):
                    parts.append(f"blob={body.data!r}")
                case "image":
                    parts.append(IMAGE_SENTENCE)
                    shown += [] if self.takes_files else [body]
                case "json" if self.json_in_place:
                    parts.append(f"tool response: {_dumped(body)}.")
                case "json":
                    last += [] if body.get("suppress_output") else [_dumped(body)]
                case "variable" if not self.keeps_variables:
                    pass
                case _:
                    parts.append(" ".join(f"{name}={value!r}" for name, value in body.items()))
        model_text = "".join(parts + [text for text in last if text not in parts])
        return Seen(model_text=model_text, shown=tuple(shown))

    def _check(self, form: ToolForm, given: Values, settings: Values) -> Mapping[str, Parameter]:
        parameters = form.parameters
        fixed = {name for name, each in parameters.items() if each.form == "form"}
        files = {name for name, each in parameters.items() if each.is_file}
        shown = parameters.keys() - fixed - (set() if self.takes_files else files)
        if (hidden := given.keys() - shown) and not self.insists:
            raise NotCalled(f"{form.tool}: the model is not shown {', '.join(sorted(hidden))}.")
        if unknown := settings.keys() - fixed:
            raise NotCalled(f"{form.tool} has no {', '.join(sorted(unknown))} to set.")
        return parameters


class ClassicAgent(Agent):
    """An agent app as it was before Dify 1.16.

    As in 1.13: later ones drop variables. Dify repeats the text for the model two or three times;
    here it stands once.
    """

    __slots__ = ()
    told: ClassVar[tuple[str, ...]] = _IDS
    keeps_variables = True
    refusal: ClassVar[str] = "there is not a tool named {tool}"

    def arguments(
        self,
        form: ToolForm,
        given: Values,
        settings: Values,
        files: FileServer,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return all settings, the unset ones as None, "" or False; what the model gives wins."""
        parameters = self._check(form, given, settings)
        fixed = {}
        for name, each in parameters.items():
            if each.is_file and each.required:
                raise NotCalled(self.refusal.format(tool=form.tool, parameter=name))
            if each.form == "form":
                value = settings.get(name)
                fixed[name] = each.cast(each.default if value in (None, "") else value)
        return fixed | {
            name: parameters[name].cast(value) if name in parameters else value
            for name, value in given.items()
        }


class AgentNode(ClassicAgent):
    """An Agent node of a workflow or chatflow, with Dify's own agent strategies."""

    __slots__ = ()
    told = ()
    keeps_variables = False
    json_in_place = True
    refusal = "file type parameter {parameter} not supported in agent"


class NewAgent(Agent):
    """An agent app of Dify 1.16 and later: its model fills file parameters and sees no image."""

    __slots__ = ()
    takes_files = True

    def arguments(
        self, form: ToolForm, given: Values, settings: Values, files: FileServer
    ) -> dict[str, Any]:
        """Return what is set, given or a default; all else is missing."""
        arguments = {**settings, **given}
        for name, each in self._check(form, given, settings).items():
            value = arguments.get(name, each.default)
            if name in arguments or value is not None:
                arguments[name] = _resolved(each, value, files)
            elif each.required:
                raise _invalid(f"tool parameter {name} not found in tool config")
        return arguments


def _resolved(parameter: Parameter, value: Any, files: FileServer) -> Any:
    try:
        match parameter.type:
            case "file":
                return files.for_new_agent(value)
            case "files":
                return [files.for_new_agent(one) for one in parameter.cast(value)]
            case _:
                return parameter.cast(value)
    except ValueError as problem:
        raise _invalid(str(problem)) from None


def _invalid(problem: str) -> NotCalled:
    return NotCalled(
        f"tool parameters validation error: {problem}, please check your tool parameters"
    )


def _dumped(body: Mapping[str, Any]) -> str:
    return json.dumps(body["json_object"], ensure_ascii=False)


def _messages(result: ToolResult) -> Iterator[tuple[str, Any]]:
    """Yield kind and body of each message; of an image its file, or its address if it has one."""
    files = iter(result.files)
    for message in result.raw_messages:
        body = message["message"]
        match message["type"]:
            case "blob_chunk":
                yield "image", next(files)
            case "image" | "image_link":
                yield "image", body["text"]
            case kind:
                yield kind, body
