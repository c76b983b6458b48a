"""``make faults``: every family of servers with every fault, through the plugin's own process.

Prints what each case came to, and where something happened that must never happen: a wrong error, a
job sent twice, somebody else's job interrupted, a secret shown, a deadline overrun.
"""

from __future__ import annotations

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import requests

from devkit.host import PluginError, PluginHost
from devkit.simulator import Simulator
from devkit.simulator.families import FAMILIES as SIMULATED

ROOT = Path(__file__).parents[1]
FAMILIES = tuple(SIMULATED)
USER, SECRET = "me", "hunter22-hunter22"
SECONDS = 2.0
MOST_OVERRUN = 1.0


class Kind(NamedTuple):
    """What a case can come to: Dify's class of the error, words of it, and after which faults."""

    name: str
    error_type: str
    words: str
    faults: str


_CONNECTION, _UNAVAILABLE = "InvokeConnectionError", "InvokeServerUnavailableError"
IMAGES = "images"
"""Name of the kind that is no error: this fault does the client no harm."""

# KoboldCpp answers 200 without an image to any failure, SD.Next to a missing model. Images that
# arrived before an answer was cut are kept, with a warning.
KINDS = (
    Kind(IMAGES, "", "", "cut_off cut_off_chunked info_missing info_not_json redirect_same_origin "
         "gzip chunked"),
    Kind("out of memory", _UNAVAILABLE, "The GPU ran out of memory", "oom"),
    Kind("NaNs", _UNAVAILABLE, "The model produced NaNs", "nan"),
    Kind("no model", _UNAVAILABLE, "could not load a checkpoint|has no checkpoint",
         "no_checkpoint model_load_failed empty_model_list"),
    Kind("no extension", _UNAVAILABLE, "lacks the extension", "extension_missing"),
    Kind("rejected", "InvokeBadRequestError", r"refused a value of the \w+ request",
         "validation_422"),
    Kind("rate limit", "InvokeRateLimitError", r"limits requests \(429\)", "rate_limit_429"),
    Kind("proxy", _CONNECTION, r"[Tt]he proxy .*\((413|502|503|504)\)",
         "proxy_413 proxy_502 proxy_503 proxy_504"),
    Kind("deadline", _CONNECTION, "The time limit of 2 seconds", "slow_headers slow_body hang"),
    Kind("not JSON", _UNAVAILABLE, "its answer is not the JSON of a WebUI",
         "not_json not_json_text wrong_json"),
    Kind("too large", _UNAVAILABLE, "answer is larger than", "huge"),
    Kind("not an image", _UNAVAILABLE, "is not base64|as an image that are none",
         "bad_base64 not_an_image"),
    Kind("no image", _UNAVAILABLE, "without an image|an empty image", "oom nan no_checkpoint "
         "model_load_failed wrong_json empty_image no_images"),
    Kind("no WebUI", _UNAVAILABLE, "no list of models|a web page instead of JSON|has no endpoint "
         "for|redirects to", "models_500 models_html models_wrong_shape no_api "
         "redirect_other_origin error_with_secret"),
    Kind("no access", _UNAVAILABLE, "refused access|forbids this",
         "unauthorized forbidden"),
    Kind("server fault", _UNAVAILABLE, r"failed at list the models \(500\)",
         "models_500 error_with_secret"),
    Kind("cut off", _CONNECTION, "broke off half-way|closed the connection in the middle",
         "cut_off cut_off_chunked drop restarting"),
    # The last fault: it takes some seconds until that server listens again.
    Kind("unreachable", _CONNECTION, "Nothing listens at", "restarting"),
)  # fmt: skip

FAULTS = tuple(dict.fromkeys(fault for kind in KINDS for fault in kind.faults.split()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one case came to.

    Attributes:
        kind: Name of the kind; Dify's class of an error of no kind.
        message: The error's text.
        problems: What happened that must never happen.
    """

    fault: str
    kind: str
    message: str
    problems: tuple[str, ...]


def run_case(plugin: PluginHost, sim: Simulator, model: str, fault: str) -> Outcome:
    """Reset the simulator, give it a fault, and let the plugin make an image."""
    sim.reset()
    sim.configure(fault=fault)
    credentials = {
        "base_url": sim.url,
        "api_auth": f"{USER}:{SECRET}",
        "timeout": str(SECONDS),
        # Nothing is remembered from one case to the next: caches are kept by server.
        "headers": f"X-Case: {fault}",
    }
    # The checkpoint's name makes the plugin look into the list of models too.
    given = {"prompt": "a cat", "size": "64x64", "steps": 1, "model": model}
    error_type = message = ""
    started = time.monotonic()
    try:
        plugin.invoke("stable_diffusion", "sd_txt2img", credentials, given, timeout=60)
    except PluginError as error:
        error_type, message = error.error_type, error.message
    seconds = time.monotonic() - started
    kinds = [k for k in KINDS if k.error_type == error_type and re.search(k.words, message)]
    paths = [entry["path"] for entry in sim.journal()]
    jobs = sum(path.endswith("/txt2img") for path in paths)
    interrupts = sum(path.endswith("/interrupt") for path in paths)
    own = any(job["state"] in {"running", "interrupted"} for job in sim.jobs())
    problems = {
        "wrong error": not any(fault in kind.faults.split() for kind in kinds),
        # A redirect hands the job on before it was begun.
        "job sent twice": jobs > 1 and "redirect" not in fault,
        "foreign job interrupted": interrupts > own,
        "secret shown": SECRET in message or SECRET in plugin.stderr,
        "deadline overrun": seconds > SECONDS + MOST_OVERRUN,
    }
    return Outcome(
        fault=fault,
        kind=kinds[0].name if kinds else error_type,
        message=message,
        problems=tuple(problem for problem, happened in problems.items() if happened),
    )


def run_family(plugin: PluginHost, family: str) -> list[Outcome]:
    """Return the outcomes of one family with all faults."""
    with Simulator(family=family, auth=f"{USER}:{SECRET}") as sim:
        models = f"{sim.url}/sdapi/v1/sd-models"
        listed = requests.get(models, auth=(USER, SECRET), timeout=10).json()
        return [run_case(plugin, sim, listed[0]["model_name"], fault) for fault in FAULTS]


def run_matrix(plugin: PluginHost) -> dict[str, list[Outcome]]:
    """Return the outcomes by family, all families at once: most cases are spent waiting."""
    with ThreadPoolExecutor(len(FAMILIES)) as pool:
        outcomes = pool.map(partial(run_family, plugin), FAMILIES)
        return dict(zip(FAMILIES, outcomes, strict=True))


def main() -> int:
    """Run and print; return the exit status, 1 when anything happened that must not."""
    with PluginHost(ROOT) as plugin:
        matrix = run_matrix(plugin)
    print(f"{'':22}" + "".join(f"{family:16}" for family in matrix))
    for row in zip(*matrix.values(), strict=True):
        print(f"{row[0].fault:22}" + "".join(f"{one.kind:16}" for one in row))
    cases = [(family, one) for family, outcomes in matrix.items() for one in outcomes]
    failed = [(family, one) for family, one in cases if one.problems]
    for family, one in failed:
        print(f"{family}, {one.fault}: {', '.join(one.problems)}. {one.kind}: {one.message}")
    print(f"\n{len(cases)} cases, {len(failed)} of them with what must never happen.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
