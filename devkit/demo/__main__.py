"""Starts a simulated WebUI (or takes a real one), starts the plugin and lets each tool work.

The environment sets what to do: PROMPT; BASE_URL of a real WebUI (blank: a simulated one of the
FAMILY), with MODEL, API_AUTH, HEADERS and TIMEOUT as in the plugin's credentials; OUT is the folder
of the images.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from devkit.demo.outcome import Outcome, save
from devkit.demo.sheet import write_contact_sheet
from devkit.demo.steps import Name, Step, chat, from_an_image, from_words
from devkit.host import (
    ClassicAgent,
    NotCalled,
    PluginDied,
    PluginError,
    PluginHost,
    ToolResult,
    WorkflowNode,
)
from devkit.simulator import Simulator
from devkit.simulator.families import FAMILIES

ROOT = Path(__file__).parents[2]
PROVIDER = "stable_diffusion"
PROMPT = "a lighthouse on a cliff at dusk, oil painting"
CREDENTIALS = ("base_url", "model", "api_auth", "headers", "timeout")

KINDS = {
    "models": "models", "loras": "LoRAs", "samplers": "samplers", "schedulers": "schedule types",
    "upscalers": "upscalers", "vaes": "VAEs", "styles": "styles", "embeddings": "embeddings",
    "controlnet_models": "ControlNet models", "face_detailers": "face detailers",
}  # fmt: skip
"""Kinds of ``sd_list_resources``, in people's words."""

EXTENSIONS = {
    "a1111": ["controlnet", "adetailer"],
    "a1111-1.6": ["controlnet", "adetailer"],
    "forge": ["adetailer"],
}
"""What a simulated server of a family has installed; the others have no extensions."""

LACKS = re.compile(r"\b(lacks|has no|cannot (do|enlarge|put))\b|\bhtml_info\b")
"""How the plugin reports that a server cannot do something; SD.Next, as it was recorded, breaks its
own answer when it enlarges an image, and names that field."""

_print = partial(print, flush=True)
"""Prints at once, also where a program reads it."""

FAILED, IMPOSSIBLE = 1, 2
WORDS = 100
"""So many characters of a text are printed."""


@dataclass(slots=True)
class Demo:
    """A demonstration under way.

    Attributes:
        offered: Names that the server lists, by kind.
        outcomes: All calls that gave what they should.
        lacking: The plugin's words on what this server cannot do.
        failed: What became of the other calls.
        taken: File names that are in use, in lower case.
    """

    host: PluginHost
    credentials: Mapping[str, str]
    folder: Path
    offered: dict[str, list[str]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def find_resources(self) -> None:
        """Look up what the server has, as a workflow would, and print how much it is."""
        everything = self._list("all")
        missing = everything.jsons[0]["not_listed"]
        if missing:
            self.lacking.append(f"sd_list_resources: {everything.text.splitlines()[-1]}")
        found = []
        for kind, words in KINDS.items():
            if kind not in missing:
                listing = self._list(kind).jsons[0]
                self.offered[kind] = [row["name"] for row in listing["resources"]]
                total = listing["total"]
                found.append(f"{total} {words.removesuffix('s') if total == 1 else words}")
        _print(f"Found: {', '.join(found)}")

    def _list(self, kind: str) -> ToolResult:
        return self.host.invoke(PROVIDER, "sd_list_resources", self.credentials, {"kind": kind})

    def do(self, title: str, steps: Sequence[Step]) -> None:
        """Do the steps and save what comes; a step that fails does not end it."""
        _print(f"{title}:")
        for step in steps:
            try:
                result = self._invoke(step)
            except (PluginError, NotCalled, TimeoutError) as error:
                lacks = isinstance(error, PluginError) and LACKS.search(error.message)
                report = self.lacking if lacks else self.failed
                report.append(f"{step.tool} ({step.title}): {error}")
                continue
            outcome = save(step, result, self.folder, self.taken)
            self.outcomes.append(outcome)
            _print(f"  {outcome.name} ({result.seconds:.2f} s)")
            for path, facts in outcome.images.items():
                _print(f"    {path.name}: {facts}")
            if not outcome.images:
                _print(f"    “{outcome.text.partition('\n')[0][:WORDS]}” …")
            for warning in result.variables.get("warnings") or ():
                _print(f"    Warning: {warning}")

    def _invoke(self, step: Step) -> ToolResult:
        caller = ClassicAgent() if step.wish else WorkflowNode()
        settings = {
            name: value.chosen(self.offered) if isinstance(value, Name) else value
            for name, value in step.settings.items()
        }
        return self.host.invoke(
            PROVIDER, step.tool, self.credentials, step.parameters, caller=caller, settings=settings
        )

    def do_all(self, prompt: str) -> int:
        """Do everything; return the exit status, 0 when the server did all that it can."""
        self.find_resources()
        self.do("From words", from_words(prompt))
        if self.outcomes:
            first = next(iter(self.outcomes[0].images))
            image = self.host.files.add(first.read_bytes(), first.name)
            self.do("Each tool, on the first image", from_an_image(prompt, image))
            self.do("An agent's chat", chat())
            write_contact_sheet(self.outcomes, self.folder / "contact-sheet.png")
            _print(f"Contact sheet: {self.folder / 'contact-sheet.png'}")
        if self.lacking:
            _print("Not on this server:", *self.lacking, sep="\n  ")
        for line in self.failed:
            _print(f"Failed: {line}")
        return FAILED if self.failed or not self.outcomes else 0


def main(environment: Mapping[str, str]) -> int:
    """Do the whole demonstration.

    Returns:
        The exit status: 0 when the server did all that it can, 1 when a call failed, 2 when there
        is no such server or it refuses the credentials.
    """
    given = {name: environment.get(name.upper(), "").strip() for name in CREDENTIALS}
    family = environment.get("FAMILY", "").strip() or "a1111"
    folder = Path(environment.get("OUT", "").strip() or "out")
    if family not in FAMILIES and not given["base_url"]:
        _print(f"There is no simulated {family}; FAMILY is one of {', '.join(FAMILIES)}.")
        return IMPOSSIBLE
    with ExitStack() as stack:
        if not given["base_url"]:
            sim = stack.enter_context(Simulator(family, extensions=EXTENSIONS.get(family, [])))
            given["base_url"] = sim.url
            _print(f"Simulated WebUI: {family} at {sim.url} (BASE_URL= takes a real one)")
        credentials = {name: value for name, value in given.items() if value}
        try:
            host = stack.enter_context(PluginHost(ROOT))
            name, version = host.manifest["name"], host.manifest["version"]
            _print(f"Plugin {name} {version}: started in {host.start_seconds:.2f} s")
            host.validate_credentials(PROVIDER, credentials)
            _print("Credentials: good")
            folder.mkdir(parents=True, exist_ok=True)
            demo = Demo(host, credentials, folder)
            return demo.do_all(environment.get("PROMPT", "").strip() or PROMPT)
        except (PluginError, PluginDied, TimeoutError) as error:
            _print(str(error))
            return IMPOSSIBLE


if __name__ == "__main__":
    sys.exit(main(os.environ))
