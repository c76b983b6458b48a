"""``python -m devkit.simulator --family a1111 --port 7860``: one simulated server."""

import argparse
import json
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import fields
from typing import Any

from devkit.simulator.families import FAMILIES
from devkit.simulator.settings import Settings
from devkit.simulator.simulation import Simulation

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"


def arguments(given: list[str]) -> tuple[Settings, str, int, bool]:
    """Return settings, host, port and whether to end with the parent."""
    parser = argparse.ArgumentParser(prog="python -m devkit.simulator", description=__doc__)
    add = parser.add_argument
    add("--family", choices=sorted(FAMILIES), default="a1111")
    add(
        "--host", default=LOOPBACK, metavar="ADDRESS",
        help=f"where to listen; {EVERYWHERE} for a Dify in Docker (default: {LOOPBACK})",
    )  # fmt: skip
    add("--port", type=int, default=7860, help="0 picks a free one")
    add("--auth", metavar="USER:PASSWORD")
    add("--subpath", default="", metavar="/PATH")
    add("--catalog", choices=("demo", "recorded"), default="demo")
    add("--step-seconds", type=float, default=0.0)
    add("--model-load-seconds", type=float, default=0.0)
    add("--samples-format", choices=("png", "jpg", "webp"))
    add("--extensions", nargs="*", default=[], metavar="NAME")
    add("--fault", metavar="NAME")
    add("--nowebui", dest="webui", action="store_false")
    add("--no-api", dest="api", action="store_false")
    add("--with-parent", action="store_true", help="end when stdin is closed")
    add("--settings", type=json.loads, default={}, help="any settings, as JSON")
    options = vars(parser.parse_args(given))
    host, port, with_parent = (options.pop(name) for name in ("host", "port", "with_parent"))
    more: dict[str, Any] = options.pop("settings")
    unknown = set(more) - {item.name for item in fields(Settings)}
    if unknown:
        parser.error(f"no such settings: {', '.join(sorted(unknown))}")
    return Settings(**{**options, **more}), host, port, with_parent


def words_for_dify(host: str, port: int, subpath: str) -> str:
    """Say which address belongs into the plugin's credentials, and who reaches it."""
    if host in (LOOPBACK, "localhost"):
        return (
            "Only programs on this machine reach it, containers do not. For a Dify in Docker: "
            f"--host {EVERYWHERE}, or make simulator HOST={EVERYWHERE}."
        )
    seen = _address_in_the_network() if host == EVERYWHERE else host
    docker = f"http://host.docker.internal:{port}{subpath}"
    return (
        f"WebUI address for Dify: http://{seen}:{port}{subpath} "
        f"(from Docker Desktop on this machine also {docker}). Everybody in the network reaches it."
    )


def _address_in_the_network() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # No packet is sent; it only asks which interface would be used.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


def main() -> None:
    """Listen, print the addresses, as JSON in the first line, serve until the process is ended."""
    settings, host, port, with_parent = arguments(sys.argv[1:])
    simulation = Simulation(settings, host, port)
    port = simulation.front.port
    local = LOOPBACK if host == EVERYWHERE else host
    told = {
        "url": f"http://{local}:{port}{settings.subpath}",
        "control": f"http://{LOOPBACK}:{simulation.control.port}",
    }
    print(json.dumps(told), flush=True)
    if not with_parent:
        print(words_for_dify(host, port, settings.subpath), flush=True)
    with suppress(KeyboardInterrupt):
        if with_parent:
            sys.stdin.read()
        else:
            threading.Event().wait()


if __name__ == "__main__":
    main()
