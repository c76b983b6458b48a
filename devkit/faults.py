"""``make faults``: every family of servers with every fault, through the plugin's own process.

Prints what each case came to, and counts what must never happen: a wrong error, a job sent twice,
somebody else's job interrupted, a secret told, a deadline overrun.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from devkit.host import PluginError, PluginHost
from devkit.simulator import Simulator
from devkit.simulator.families import FAMILIES as SIMULATED

ROOT = Path(__file__).parents[1]
PROVIDER = "stable_diffusion"
FAMILIES = tuple(SIMULATED)
USER, SECRET = "me", "hunter22-hunter22"
SECONDS = 2.0
MOST_OVERRUN = 1.0

PICTURES = "images"
"""What a case comes to when the fault is none for this client."""

_CONNECTION, _UNAVAILABLE = "InvokeConnectionError", "InvokeServerUnavailableError"

KINDS: dict[str, tuple[str, str]] = {
    "OutOfMemory": (_UNAVAILABLE, r"The GPU ran out of memory"),
    "NotANumber": (_UNAVAILABLE, r"The model produced NaNs"),
    "ModelMissing": (_UNAVAILABLE, r"could not load a checkpoint|has no checkpoint"),
    "ExtensionMissing": (_UNAVAILABLE, r"lacks the extension"),
    "Rejected": ("InvokeBadRequestError", r"refused a value of the \w+ request"),
    "RateLimited": ("InvokeRateLimitError", r"limits requests \(429\)"),
    "ProxyFailed": (_CONNECTION, r"[Tt]he proxy .*\((413|502|503|504)\)"),
    "AnswerCutOff": (_CONNECTION, r"broke off half-way|closed the connection in the middle"),
    "Unreachable": (_CONNECTION, r"Nothing listens at"),
    "DeadlineExceeded": (_CONNECTION, r"The time limit of 2 seconds"),
    "AnswerNotJSON": (_UNAVAILABLE, r"its answer is not the JSON of a WebUI"),
    "AnswerTooLarge": (_UNAVAILABLE, r"answer is larger than"),
    "NotAnImage": (_UNAVAILABLE, r"is not base64|as an image that are none"),
    "NoImage": (_UNAVAILABLE, r"without an image|an empty image"),
    "NotAWebUI": (
        _UNAVAILABLE,
        r"no list of models|a web page instead of JSON|has no endpoint for|redirects to",
    ),
    "AccessDenied": (_UNAVAILABLE, r"did not let the plugin in|forbids this"),
    "ServerFault": (_UNAVAILABLE, r"failed at list the models \(500\)"),
}
"""Each kind of error, by the class that Dify sees of it and by words of its message."""

EXPECTED: dict[str, tuple[str, ...]] = {
    # KoboldCpp answers 200 without an image to any failure, SD.Next to a missing model.
    "oom": ("OutOfMemory", "NoImage"),
    "nan": ("NotANumber", "NoImage"),
    "no_checkpoint": ("ModelMissing", "NoImage"),
    "model_load_failed": ("ModelMissing", "NoImage"),
    "extension_missing": ("ExtensionMissing",),
    "validation_422": ("Rejected",),
    "rate_limit_429": ("RateLimited",),
    "proxy_502": ("ProxyFailed",),
    "proxy_503": ("ProxyFailed",),
    "proxy_504": ("ProxyFailed",),
    "proxy_413": ("ProxyFailed",),
    # Images that arrived before the cut are kept, with a warning.
    "cut_off": ("AnswerCutOff", PICTURES),
    "cut_off_chunked": ("AnswerCutOff", PICTURES),
    "not_json": ("AnswerNotJSON",),
    "not_json_text": ("AnswerNotJSON",),
    "wrong_json": ("AnswerNotJSON", "NoImage"),
    "huge": ("AnswerTooLarge",),
    "bad_base64": ("NotAnImage",),
    "not_a_picture": ("NotAnImage",),
    "empty_picture": ("NoImage",),
    "no_pictures": ("NoImage",),
    "info_missing": (PICTURES,),
    "info_not_json": (PICTURES,),
    "slow_headers": ("DeadlineExceeded",),
    "slow_body": ("DeadlineExceeded",),
    "hang": ("DeadlineExceeded",),
    "empty_model_list": ("ModelMissing",),
    "models_500": ("ServerFault", "NotAWebUI"),
    "models_html": ("NotAWebUI",),
    "models_wrong_shape": ("NotAWebUI",),
    "no_api": ("NotAWebUI",),
    "unauthorized": ("AccessDenied",),
    "forbidden": ("AccessDenied",),
    "redirect_same_origin": (PICTURES,),
    "redirect_other_origin": ("NotAWebUI",),
    "drop": ("AnswerCutOff",),
    "gzip": (PICTURES,),
    "chunked": (PICTURES,),
    "error_with_secret": ("ServerFault", "NotAWebUI"),
    # The last one: it takes some seconds until that server listens again.
    "restarting": ("AnswerCutOff", "Unreachable"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one case came to.

    Attributes:
        got: Kind of the error, or "images"; Dify's class of an error of no known kind.
        message: The error's text.
        sent: Generation requests that reached the server.
        interrupts: Interrupts that reached it, less one for an own job that was running.
        leaked: Whether the password stands in the message or the plugin's log.
        overrun: Seconds beyond the deadline.
    """

    family: str
    fault: str
    got: str
    message: str
    sent: int
    interrupts: int
    leaked: bool
    overrun: float

    @property
    def right(self) -> bool:
        """Whether the error is the one that says what happened."""
        return self.got in EXPECTED[self.fault]


def kind_of(error: PluginError) -> str:
    """Return the kind of an error; Dify's class of it where it is none of them."""
    for kind, (error_type, words) in KINDS.items():
        if error.error_type == error_type and re.search(words, error.message):
            return kind
    return error.error_type


def run_case(plugin: PluginHost, sim: Simulator, model: str, fault: str, number: int) -> Outcome:
    """One family with one fault: the simulator is reset, the plugin asked for one image."""
    sim.reset()
    sim.configure(fault=fault)
    credentials = {
        "base_url": sim.url,
        "api_auth": f"{USER}:{SECRET}",
        "timeout": str(SECONDS),
        # Nothing is remembered from one case to the next: caches are kept by server.
        "headers": f"X-Case: {number}",
    }
    # The checkpoint's name makes the plugin look into the list of models too.
    requested = {"prompt": "a cat", "size": "64x64", "steps": 1, "model": model}
    started = time.monotonic()
    got, message = PICTURES, ""
    try:
        plugin.invoke(PROVIDER, "sd_txt2img", credentials, requested, timeout=60)
    except PluginError as error:
        got, message = kind_of(error), error.message
    overrun = max(0.0, time.monotonic() - started - SECONDS)
    journal = sim.journal()
    own = any(job["state"] in {"running", "interrupted"} for job in sim.jobs())
    interrupts = sum(one["path"].endswith("/interrupt") for one in journal)
    return Outcome(
        family=sim.family,
        fault=fault,
        got=got,
        message=message,
        sent=sum(one["path"].endswith("/txt2img") for one in journal),
        interrupts=max(0, interrupts - int(own)),
        leaked=SECRET in message or SECRET in plugin.stderr,
        overrun=overrun,
    )


def run_matrix(
    plugin: PluginHost, families: tuple[str, ...], faults: list[str]
) -> Iterator[Outcome]:
    """All cases, family by family."""
    for place, family in enumerate(families):
        with Simulator(family=family, auth=f"{USER}:{SECRET}") as sim:
            models = f"{sim.url}/sdapi/v1/sd-models"
            listed = requests.get(models, auth=(USER, SECRET), timeout=10).json()
            model = listed[0]["model_name"]
            for number, fault in enumerate(faults):
                yield run_case(plugin, sim, model, fault, place * 1000 + number)


def main() -> int:
    """Run and print; 1 when anything happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", action="append", choices=FAMILIES)
    parser.add_argument("--fault", action="append", choices=sorted(EXPECTED))
    given = parser.parse_args()
    families = tuple(given.family or FAMILIES)
    faults = given.fault or list(EXPECTED)
    # Wide enough for the kinds of errors, also where there is no terminal.
    console = Console(width=160)
    table = Table("fault", *families)
    with PluginHost(ROOT) as plugin:
        outcomes = list(run_matrix(plugin, families, faults))
    by_place = {(one.fault, one.family): one for one in outcomes}
    for fault in faults:
        cells = [by_place[fault, family] for family in families]
        table.add_row(fault, *(one.got if one.right else f"[red]{one.got}" for one in cells))
    console.print(table)
    for one in outcomes:
        if not one.right:
            console.print(f"[red]{one.family} {one.fault}: {one.got}: {one.message}", markup=True)
    # A redirect within the origin is the same job, handed on before it was begun.
    twice = [one for one in outcomes if one.sent > 1 and "redirect" not in one.fault]
    figures = {
        "cases": len(outcomes),
        "right error": sum(one.right for one in outcomes),
        "jobs sent twice": len(twice),
        "foreign jobs interrupted": sum(one.interrupts for one in outcomes),
        "secrets leaked": sum(one.leaked for one in outcomes),
        "longest overrun of a deadline, s": round(max(one.overrun for one in outcomes), 2),
    }
    for name, figure in figures.items():
        console.print(f"{name}: {figure}")
    failed = (
        figures["right error"] != figures["cases"]
        or twice
        or figures["foreign jobs interrupted"]
        or figures["secrets leaked"]
        or max(one.overrun for one in outcomes) > MOST_OVERRUN
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
