"""``python -m devkit.simulator --family a1111 --port 7860``: one simulated server."""

import argparse
import json
import signal
import socket
import sys
import threading
from dataclasses import fields
from typing import Any

from devkit.simulator.families import FAMILIES
from devkit.simulator.server import Front
from devkit.simulator.settings import Settings
from devkit.simulator.simulation import Simulation

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"


def arguments(given: list[str]) -> tuple[Settings, str, int, bool]:
    """Return settings, host, port and whether to end with the parent."""
    parser = argparse.ArgumentParser(prog="python -m devkit.simulator", description=__doc__)
    parser.add_argument("--family", choices=sorted(FAMILIES), default="a1111")
    parser.add_argument(
        "--host", default=LOOPBACK, metavar="ADDRESS",
        help=f"where to listen; {EVERYWHERE} for a Dify in Docker (default: {LOOPBACK})",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=7860, help="0 picks a free one")
    parser.add_argument("--auth", metavar="USER:PASSWORD")
    parser.add_argument("--subpath", default="", metavar="/PATH")
    parser.add_argument("--catalog", choices=("demo", "recorded"), default="demo")
    parser.add_argument("--step-seconds", type=float, default=0.0)
    parser.add_argument("--model-load-seconds", type=float, default=0.0)
    parser.add_argument("--samples-format", choices=("png", "jpg", "webp"))
    parser.add_argument("--extensions", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--fault", metavar="NAME")
    parser.add_argument("--nowebui", dest="webui", action="store_false")
    parser.add_argument("--no-api", dest="api", action="store_false")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    parser.add_argument("--settings", type=json.loads, default={}, help="any settings, as JSON")
    options = vars(parser.parse_args(given))
    host: str = options.pop("host")
    port: int = options.pop("port")
    with_parent: bool = options.pop("with_parent")
    more: dict[str, Any] = options.pop("settings")
    known = {item.name for item in fields(Settings)}
    unknown = set(more) - known
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
    """Return the address of this machine by which others reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # No packet is sent; it only asks which interface would be used.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        address: str = probe.getsockname()[0]
    return address


def main() -> None:
    """Listen, print the addresses, as JSON in the first line, serve until the process is ended."""
    settings, host, port, with_parent = arguments(sys.argv[1:])
    simulation = Simulation(settings)
    front = Front(simulation.respond, host, port, keep_alive=simulation.family.keep_alive)
    simulation.connect(front)
    control = Front(simulation.control)
    local = LOOPBACK if host == EVERYWHERE else host
    line = {
        "url": f"http://{local}:{front.port}{settings.subpath}",
        "control": f"http://127.0.0.1:{control.port}",
        "family": settings.family,
    }
    print(json.dumps(line), flush=True)
    if not with_parent:
        print(words_for_dify(host, front.port, settings.subpath), flush=True)
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    signal.signal(signal.SIGINT, lambda *_: done.set())
    if with_parent:
        threading.Thread(target=_wait_for_parent, args=(done,), daemon=True).start()
    done.wait()


def _wait_for_parent(done: threading.Event) -> None:
    sys.stdin.read()
    done.set()


if __name__ == "__main__":
    main()
