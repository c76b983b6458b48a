"""Starts a simulated WebUI (or takes a real one), starts the plugin and makes images with it.

The environment says what to do: PROMPT; BASE_URL of a real WebUI (blank: the simulator), with
MODEL, API_AUTH, HEADERS and TIMEOUT as in the plugin's credentials; OUT is the folder of the
images.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from devkit.demo.outcome import Outcome, saved
from devkit.demo.sheet import contact_sheet
from devkit.demo.show import Show
from devkit.demo.steps import DROPDOWNS, Step, first_page, second_page
from devkit.files import FileServer
from devkit.host import Option, PluginDied, PluginError, PluginHost
from devkit.simulator import Simulator

ROOT = Path(__file__).parents[2]
PROVIDER = "stable_diffusion"
PROMPT = "a lighthouse on a cliff at dusk, oil painting"
CREDENTIALS = ("base_url", "model", "api_auth", "headers", "timeout")

# So that a simulated sampler leaves the progress bar something to show.
STEP_SECONDS = 0.01


@dataclass(slots=True)
class Demo:
    """A demonstration under way.

    Attributes:
        failures: How many steps ended in an error.
        taken: File names that are in use, in lower case.
    """

    host: PluginHost
    credentials: Mapping[str, str]
    folder: Path
    show: Show
    failures: int = 0
    taken: set[str] = field(default_factory=set)

    def fill_dropdowns(self) -> None:
        """Fill the dynamic fields of txt2img's form and say how many choices each has."""
        counts = [f"{name} {len(self._options('txt2img', name))}" for name in DROPDOWNS]
        self.show.say(f"Dropdowns filled: {', '.join(counts)}.")

    def page(self, title: str, steps: list[Step], sheet: str) -> list[Outcome]:
        """Do the steps, save what comes, print the table; a step that fails does not end it."""
        outcomes: list[Outcome] = []
        failed: list[str] = []
        left_out: list[str] = []
        with self.show.progress(steps) as going:
            for step in going:
                try:
                    outcome = self._do(step)
                except (PluginError, TimeoutError) as error:
                    failed.append(f"{step.tool} ({step.title}) failed: {error}")
                    continue
                if outcome:
                    outcomes.append(outcome)
                else:
                    left_out.append(f"{step.tool} ({step.title}): this server has nothing for it.")
        self.failures += len(failed)
        if outcomes:
            self.show.table(title, outcomes)
            contact_sheet(outcomes, self.folder / sheet)
            self.show.say(f"Contact sheet: {self.folder / sheet}")
        for line in left_out:
            self.show.say(line)
        for line in failed:
            self.show.complain(line)
        return outcomes

    def _do(self, step: Step) -> Outcome | None:
        """One call; None where the server lacks what it would show."""
        chosen = {}
        for name, words in step.choices.items():
            options = self._options(step.tool, name)
            if not options:
                return None
            chosen[name] = _best(options, words).value
        parameters = {**step.parameters, **chosen}
        result = self.host.invoke(PROVIDER, step.tool, self.credentials, parameters)
        return saved(step, result, self.folder, self.taken)

    def _options(self, tool: str, parameter: str) -> list[Option]:
        return self.host.fetch_options(PROVIDER, tool, parameter, self.credentials)


def _best(options: list[Option], words: str) -> Option:
    """The first choice that holds the words, or else the first."""
    fitting = (option for option in options if words in f"{option.value} {option.label}".lower())
    return next(fitting, options[0])


def run(environment: Mapping[str, str], console: Console, root: Path = ROOT) -> int:
    """The whole demonstration.

    Returns:
        The exit status: 0 when every step gave what it should.
    """
    show = Show(console)
    given = {name: environment.get(name.upper(), "").strip() for name in CREDENTIALS}
    prompt = environment.get("PROMPT", "").strip() or PROMPT
    folder = Path(environment.get("OUT", "").strip() or "out")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if not given["base_url"]:
            sim = stack.enter_context(
                Simulator(step_seconds=STEP_SECONDS, extensions=["controlnet", "adetailer"])
            )
            given["base_url"] = sim.url
            show.say(f"Simulated WebUI: {sim.url} (BASE_URL= takes a real one)")
        credentials = {name: value for name, value in given.items() if value}
        try:
            host = stack.enter_context(PluginHost(root))
            name = f"{host.manifest['name']} {host.manifest['version']}"
            show.say(f"Plugin {name}: started in {host.start_seconds:.2f} s")
            host.validate_credentials(PROVIDER, credentials)
            show.say("Credentials: good")
            demo = Demo(host, credentials, folder, show)
            demo.fill_dropdowns()
            first = demo.page("From words", first_page(prompt), "contact-sheet.png")
            shot = next((shot for outcome in first for shot in outcome.shots), None)
            if shot:
                files = stack.enter_context(FileServer())
                picture = files.add(shot.file.data, shot.file.filename)
                steps = second_page(prompt, picture)
                demo.page("Each tool once, on the first image", steps, "contact-sheet-2.png")
        except (PluginError, PluginDied, TimeoutError) as error:
            show.complain(str(error))
            return 1
    return 1 if demo.failures else 0


if __name__ == "__main__":
    sys.exit(run(os.environ, Console()))
