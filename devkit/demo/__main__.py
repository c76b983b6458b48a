"""Starts a simulated WebUI (or takes a real one), starts the plugin and lets each tool work.

The environment says what to do: PROMPT; BASE_URL of a real WebUI (blank: a simulated one of the
FAMILY), with MODEL, API_AUTH, HEADERS and TIMEOUT as in the plugin's credentials; OUT is the folder
of the images.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from devkit.demo.outcome import Outcome, saved
from devkit.demo.sheet import contact_sheet
from devkit.demo.show import Show
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

# So that a simulated sampler leaves the progress bar something to show.
STEP_SECONDS = 0.01

LACKS = re.compile(r"\b(lacks|has no|cannot (do|enlarge|put))\b|\bhtml_info\b")
"""How the plugin says that a server cannot do something; SD.Next, as it was recorded, breaks its
own answer when it enlarges an image, and names that field."""


@dataclass(slots=True)
class Demo:
    """A demonstration under way.

    Attributes:
        offered: Names that the server lists, by kind.
        outcomes: All calls that gave what they should.
        lacking: What the plugin said of calls that this server cannot do.
        failed: What became of the other calls.
        taken: File names that are in use, in lower case.
    """

    host: PluginHost
    credentials: Mapping[str, str]
    folder: Path
    show: Show
    offered: dict[str, list[str]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def find(self) -> None:
        """Look up what the server has, as a workflow would, and say how much it is."""
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
                counted = words.removesuffix("s") if total == 1 else words
                found += [f"{total or 'no'} {counted}"]
        self.show.say(f"Found: {', '.join(found)}")

    def _list(self, kind: str) -> ToolResult:
        requested = {"kind": kind}
        return self.host.invoke(PROVIDER, "sd_list_resources", self.credentials, requested)

    def do(self, title: str, steps: list[Step]) -> list[Outcome]:
        """Do the steps, save what comes, print the table; a step that fails does not end it."""
        done: list[Outcome] = []
        with self.show.progress(steps) as going:
            for step in going:
                name = f"{step.tool} ({step.title})"
                try:
                    done.append(self._call(step))
                except (PluginError, NotCalled, TimeoutError) as error:
                    lacks = isinstance(error, PluginError) and LACKS.search(error.message)
                    (self.lacking if lacks else self.failed).append(f"{name}: {error}")
        if done:
            self.show.table(title, done)
        self.outcomes += done
        return done

    def _call(self, step: Step) -> Outcome:
        caller = ClassicAgent() if step.says else WorkflowNode()
        settings = {
            name: value.chosen(self.offered) if isinstance(value, Name) else value
            for name, value in step.settings.items()
        }
        result = self.host.invoke(
            PROVIDER, step.tool, self.credentials, step.parameters, caller=caller, settings=settings
        )
        return saved(step, result, self.folder, self.taken)

    def end(self) -> int:
        """Say what was left out and what failed.

        Returns:
            The exit status: 0 when the server did all that it can.
        """
        if self.lacking:
            self.show.say("Not on this server:")
        for line in self.lacking:
            self.show.say(f"  {line}")
        for line in self.failed:
            self.show.complain(f"Failed: {line}")
        return 1 if self.failed else 0


def run(environment: Mapping[str, str], console: Console, root: Path = ROOT) -> int:
    """Do the whole demonstration.

    Returns:
        The exit status: 0 when the server did all that it can.
    """
    show = Show(console)
    given = {name: environment.get(name.upper(), "").strip() for name in CREDENTIALS}
    prompt = environment.get("PROMPT", "").strip() or PROMPT
    family = environment.get("FAMILY", "").strip() or "a1111"
    folder = Path(environment.get("OUT", "").strip() or "out")
    if family not in FAMILIES and not given["base_url"]:
        show.complain(f"There is no simulated {family}; FAMILY is one of {', '.join(FAMILIES)}.")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if not given["base_url"]:
            sim = stack.enter_context(
                Simulator(
                    family,
                    extensions=EXTENSIONS.get(family, []),
                    step_seconds=STEP_SECONDS if console.is_terminal else 0.0,
                )
            )
            given["base_url"] = sim.url
            show.say(f"Simulated WebUI: {family} at {sim.url} (BASE_URL= takes a real one)")
        credentials = {name: value for name, value in given.items() if value}
        try:
            host = stack.enter_context(PluginHost(root))
            name = f"{host.manifest['name']} {host.manifest['version']}"
            show.say(f"Plugin {name}: started in {host.start_seconds:.2f} s")
            host.validate_credentials(PROVIDER, credentials)
            show.say("Credentials: good")
            demo = Demo(host, credentials, folder, show)
            demo.find()
            shots = [
                shot for done in demo.do("From words", from_words(prompt)) for shot in done.shots
            ]
            if not shots:
                demo.failed += demo.lacking or ["no image was made."]
            else:
                first = host.files.add(shots[0].file.data, shots[0].file.filename)
                demo.do("Each tool once, on the first image", from_an_image(prompt, first))
                demo.do("An agent's chat", chat())
                contact_sheet(demo.outcomes, folder / "contact-sheet.png")
                show.say(f"Contact sheet: {folder / 'contact-sheet.png'}")
            return demo.end()
        except (PluginError, PluginDied, TimeoutError) as error:
            show.complain(str(error))
            return 1


if __name__ == "__main__":
    sys.exit(run(os.environ, Console()))
