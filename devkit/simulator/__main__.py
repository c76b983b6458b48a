"""``python -m devkit.simulator --family a1111 --port 7860``: one simulated server."""

import argparse
import json
import socket
import sys
import threading
from contextlib import suppress

from devkit.simulator.families import FAMILIES
from devkit.simulator.settings import Settings
from devkit.simulator.simulation import Simulation

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"


def arguments(given: list[str]) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m devkit.simulator", description=__doc__)
    add = parser.add_argument
    add("--family", choices=sorted(FAMILIES), default="a1111")
    add(
        "--host", default=LOOPBACK, metavar="ADDRESS",
        help=f"where to listen; {EVERYWHERE} for a Dify in Docker (default: {LOOPBACK})",
    )  # fmt: skip
    add("--port", type=int, default=7860, help="0 picks a free one")
    add("--settings", type=json.loads, default={}, help="fields of Settings, as JSON")
    add("--controlled", action="store_true", help="take commands from stdin, end when it is closed")
    return parser.parse_args(given)


def words_for_dify(host: str, port: int) -> str:
    """Return which address belongs into the plugin's credentials, and who reaches it."""
    if host in (LOOPBACK, "localhost"):
        return (
            "Only programs on this machine reach it, containers do not. For a Dify in Docker: "
            f"--host {EVERYWHERE}, or make simulator HOST={EVERYWHERE}."
        )
    seen = _address_in_the_network() if host == EVERYWHERE else host
    return (
        f"WebUI address for Dify: http://{seen}:{port} (from Docker Desktop on this machine also "
        f"http://host.docker.internal:{port}). Everybody in the network reaches it."
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
    """Listen, print the address, as JSON in the first line, serve until the process is ended."""
    options = arguments(sys.argv[1:])
    settings = Settings(**{"family": options.family, **options.settings})
    simulation = Simulation(settings, options.host, options.port)
    port = simulation.front.port
    local = LOOPBACK if options.host == EVERYWHERE else options.host
    print(json.dumps(f"http://{local}:{port}"), flush=True)
    with suppress(KeyboardInterrupt):
        if options.controlled:
            for line in sys.stdin:
                print(json.dumps(simulation.obey(*json.loads(line))), flush=True)
        else:
            print(words_for_dify(options.host, port), flush=True)
            threading.Event().wait()


if __name__ == "__main__":
    main()
