"""The callers that Dify has, and what each hands to a tool.

As seen in Dify 1.13.0 (nodes, agent app, Agent node) and 1.16 (new agent).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from devkit.files import FileServer
from devkit.host.tool_form import Parameter, parameters_of

Values = Mapping[str, Any]
"""Of parameters, by name."""

_IDS = ("app_id", "conversation_id", "message_id")


class NotCalled(Exception):
    """Dify does not call the tool; the text is Dify's, or names what a test got wrong."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls a tool: like the node of a workflow, but without any id.

    Dify gives one person another user id in each app.
    """

    user_id: str = "user-1"
    app_id: str = "app-1"
    conversation_id: str = "conversation-1"
    message_id: str = "message-1"

    passes: ClassVar[tuple[str, ...]] = ()
    """Which of the ids but the user's reach the tool."""

    def request(self, action: str, **data: Any) -> dict[str, Any]:
        """Return a request to the plugin, as the daemon writes it."""
        ids = {name: getattr(self, name) if name in self.passes else None for name in _IDS}
        about = {"type": "tool", "action": action, "user_id": self.user_id}
        return {**ids, "event": "request", "data": about | data}

    def invocation(
        self, provider: str, tool: str, credentials: Values, arguments: Values
    ) -> dict[str, Any]:
        """Return the request to invoke a tool, as the daemon writes it."""
        data = {"provider": provider, "tool": tool, "credentials": dict(credentials)}
        given = {"credential_type": "api-key", "tool_parameters": dict(arguments)}
        return self.request("invoke_tool", **data, **given)

    def arguments(
        self, form: Path, given: Values, settings: Values, files: FileServer
    ) -> dict[str, Any]:
        """Return the parameters as they reach the tool, or raise NotCalled.

        Args:
            form: The YAML of the tool.
            given: What the model gives, or what is mapped to a node's input variables.
            settings: What the app's builder has set.
            files: Where a new agent's files lie.
        """
        del form, files
        return {**settings, **given}


class WorkflowNode(Caller):
    """A tool node of a workflow."""

    passes = ("app_id",)


class ChatflowNode(Caller):
    """A tool node of a chatflow."""

    passes = ("app_id", "conversation_id")


@dataclass(frozen=True, kw_only=True)
class Agent(Caller):
    """An app whose model calls the tool and reads its result.

    Attributes:
        insists: The model also sends parameters that it is not shown.
    """

    insists: bool = False
    takes_files: ClassVar[bool] = False
    """Whether the model is shown file parameters. Then its users see no file of a tool."""

    def _parameters(self, form: Path, given: Values, settings: Values) -> dict[str, Parameter]:
        """Return the form's parameters; raise NotCalled when others are given or set."""
        parameters = parameters_of(form)
        fixed = {name for name, each in parameters.items() if each.form == "form"}
        files = {name for name, each in parameters.items() if each.is_file}
        shown = parameters.keys() - fixed - (set() if self.takes_files else files)
        if (hidden := given.keys() - shown) and not self.insists:
            raise NotCalled(f"{form.stem}: the model is not shown {', '.join(sorted(hidden))}.")
        if unknown := settings.keys() - fixed:
            raise NotCalled(f"{form.stem} has no {', '.join(sorted(unknown))} to set.")
        return parameters


class ClassicAgent(Agent):
    """An agent app as it was before Dify 1.16."""

    passes: ClassVar[tuple[str, ...]] = _IDS
    refusal = "there is not a tool named {tool}"

    def arguments(
        self, form: Path, given: Values, settings: Values, files: FileServer
    ) -> dict[str, Any]:
        """Return all settings, the unset ones as None, "" or False; what the model gives wins."""
        del files
        parameters = self._parameters(form, given, settings)
        arguments = {}
        for name, each in parameters.items():
            if each.is_file and each.required:
                raise NotCalled(self.refusal.format(tool=form.stem, parameter=name))
            if each.form == "form":
                value = settings.get(name)
                arguments[name] = each.cast(each.default if value in (None, "") else value)
        for name, value in given.items():
            arguments[name] = parameters[name].cast(value) if name in parameters else value
        return arguments


class AgentNode(ClassicAgent):
    """An Agent node of a workflow or chatflow, with Dify's own agent strategies."""

    passes = ()
    refusal = "file type parameter {parameter} not supported in agent"


class NewAgent(Agent):
    """An agent app of Dify 1.16 and later: its model fills file parameters and sees no image."""

    takes_files = True

    def arguments(
        self, form: Path, given: Values, settings: Values, files: FileServer
    ) -> dict[str, Any]:
        """Return what is set, given or a default; all else is missing."""
        arguments = {**settings, **given}
        for name, each in self._parameters(form, given, settings).items():
            value = arguments.get(name, each.default)
            if name in arguments or value is not None:
                arguments[name] = _resolved(each, value, files)
            elif each.required:
                raise _invalid(f"tool parameter {name} not found in tool config")
        return arguments


def _resolved(parameter: Parameter, value: Any, files: FileServer) -> Any:
    """Return a value with the files that it names."""
    try:
        cast = parameter.cast(value)
        if parameter.type == "files":
            return [files.for_new_agent(one) for one in cast]
        return files.for_new_agent(cast) if parameter.is_file else cast
    except ValueError as problem:
        raise _invalid(str(problem)) from None


def _invalid(problem: str) -> NotCalled:
    return NotCalled(
        f"tool parameters validation error: {problem}, please check your tool parameters"
    )
