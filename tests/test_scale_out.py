"""Three WebUIs behind a real nginx with the configuration of `deploy/`: the promises it makes."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
import yaml

from devkit.host import Call, PluginError, PluginHost
from devkit.simulator import Simulator

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "deploy" / "nginx" / "sd-webui.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

JOBS = 200
PLUGINS_JOBS = 80
AT_ONCE = 24
STEP_SECONDS = 0.02

needs_nginx = pytest.mark.skipif(
    not NGINX, reason="nginx is not installed (Debian: apt-get install nginx-light)"
)


class Machine:
    """One simulated WebUI, and what it did."""

    def __init__(self) -> None:
        self._simulator = Simulator(step_seconds=STEP_SECONDS)
        self.address = self._simulator.url.removeprefix("http://")
        self.alive = True

    def begin_anew(self) -> None:
        """Forget all that was done, and be as quick as at the start."""
        self._simulator.reset()

    def jobs(self) -> list[str]:
        """The names of all jobs that reached it."""
        return [job["task"] for job in self._simulator.jobs()]

    def interrupts(self) -> int:
        """How many interrupts reached it."""
        paths = [entry["path"] for entry in self._simulator.journal()]
        return sum(path.endswith("/interrupt") for path in paths)

    def slow_down(self) -> None:
        """Let each further step take a fifth of a second."""
        self._simulator.configure(step_seconds=0.2)

    def kill(self) -> None:
        """End it, in the middle of whatever it does."""
        self.alive = False
        self._simulator.close()


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def configuration(folder: Path, machines: list[Machine], front: int) -> str:
    """The shipped configuration with this test's addresses in the place of its own."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    for number, machine in enumerate(machines, start=1):
        text = text.replace(f"webui-{number}:7860", machine.address)
    for shipped, port in zip(range(7900, 7904), free_ports(4), strict=True):
        text = re.sub(rf"\b{shipped}\b", str(port), text)
    text = text.replace("listen 8080", f"listen 127.0.0.1:{front}")
    text = text.replace("/var/cache/nginx/sd-jobs", str(folder / "jobs"))
    assert "webui-" not in text
    temporary = "".join(
        f"{kind}_temp_path {folder / kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    return f"""
{user}
daemon off;
pid {folder}/nginx.pid;
worker_processes 2;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
access_log off;
{temporary}
{text}
}}
"""


@pytest.fixture(scope="module")
def park() -> Iterator[list[Machine]]:
    """Three machines, of which tests may kill some."""
    machines = [Machine() for _ in range(3)]
    yield machines
    for machine in machines:
        if machine.alive:
            machine.kill()


@pytest.fixture
def machines(park: list[Machine]) -> list[Machine]:
    """The three machines, all alive and with nothing to do."""
    for number, machine in enumerate(park):
        if machine.alive:
            machine.begin_anew()
        else:
            park[number] = Machine()
    return list(park)


@pytest.fixture
def front(tmp_path: Path, machines: list[Machine]) -> Iterator[str]:
    """The address of an nginx before the three machines."""
    assert NGINX
    (port,) = free_ports(1)
    file = tmp_path / "nginx.conf"
    file.write_text(configuration(tmp_path, machines, port), encoding="utf-8")
    command = [NGINX, "-p", str(tmp_path), "-e", str(tmp_path / "start.log"), "-c", str(file)]
    process = subprocess.Popen(command)
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        assert process.poll() is None, "nginx did not start"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("nginx does not listen")


@dataclass
class Outcome:
    """How one job ended, as its caller saw it."""

    job: str
    status: int
    machine: str
    images: int
    detail: str


@dataclass
class Crowd:
    """Sends jobs through nginx, many at once."""

    front: str
    seconds: float
    outcomes: list[Outcome] = field(default_factory=list)

    def send(self, job: str) -> Outcome:
        answer = requests.post(
            f"{self.front}/sdapi/v1/txt2img",
            json=job_body(job, self.seconds),
            headers={"X-SD-Job": job},
            timeout=60,
        )
        body = answer.json()
        outcome = Outcome(
            job,
            answer.status_code,
            answer.headers.get("X-SD-Machine", ""),
            len(body.get("images", [])),
            str(body.get("detail", "")),
        )
        self.outcomes.append(outcome)
        return outcome

    def run(self, count: int) -> None:
        with ThreadPoolExecutor(AT_ONCE) as callers:
            list(callers.map(self.send, [f"dify-{number}" for number in range(count)]))


def job_body(job: str, seconds: float) -> dict[str, object]:
    """A small image that takes so many seconds, named as the plugin names its jobs."""
    steps = max(1, round(seconds / STEP_SECONDS))
    return {
        "prompt": job, "steps": steps, "width": 64, "height": 64, "seed": 1,
        "cfg_scale": 7, "force_task_id": job,
    }  # fmt: skip


def control(front: str, path: str, job: str | None) -> requests.Response:
    headers = {"X-SD-Job": job} if job else {}
    return requests.post(f"{front}{path}", json={"id_task": job}, headers=headers, timeout=10)


def in_background(crowd: Crowd, jobs: list[str]) -> list[threading.Thread]:
    threads = [threading.Thread(target=crowd.send, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
        time.sleep(0.15)
    return threads


def machine_of(machines: list[Machine], job: str) -> int:
    (number,) = [n for n, machine in enumerate(machines, start=1) if job in machine.jobs()]
    return number


@needs_nginx
def test_jobs_are_spread_evenly_and_run_once(front: str, machines: list[Machine]) -> None:
    crowd = Crowd(front, seconds=0.02)
    crowd.run(JOBS)
    assert [o for o in crowd.outcomes if o.status != 200 or o.images != 1] == []
    run = [machine.jobs() for machine in machines]
    counts = Counter(job for jobs in run for job in jobs)
    assert len(counts) == JOBS
    assert set(counts.values()) == {1}
    # A third is 67. Connections are counted exactly, so only ties and speed make a difference.
    assert all(55 <= len(jobs) <= 79 for jobs in run), [len(jobs) for jobs in run]


@needs_nginx
def test_a_machine_that_dies_loses_no_job_silently(front: str, machines: list[Machine]) -> None:
    crowd = Crowd(front, seconds=0.05)

    def kill_on_the_way() -> None:
        while len(crowd.outcomes) < 40:
            time.sleep(0.01)
        machines[1].kill()

    killer = threading.Thread(target=kill_on_the_way)
    killer.start()
    crowd.run(JOBS)
    killer.join()
    assert len(crowd.outcomes) == JOBS
    lost = [outcome for outcome in crowd.outcomes if outcome.status != 200]
    assert 0 < len(lost) <= AT_ONCE
    for outcome in lost:
        assert outcome.status == 502
        assert "was not sent a second time" in outcome.detail
    assert all(outcome.images == 1 for outcome in crowd.outcomes if outcome not in lost)

    survivors = [machines[0].jobs(), machines[2].jobs()]
    counts = Counter(job for jobs in survivors for job in jobs)
    assert set(counts.values()) == {1}
    elsewhere = {o.job for o in crowd.outcomes if o in lost or o.machine == "sd_2"}
    assert not elsewhere & set(counts), "a job ran on a second machine"
    assert elsewhere | set(counts) == {outcome.job for outcome in crowd.outcomes}
    first, third = map(len, survivors)
    assert abs(first - third) <= 0.15 * (first + third)


@needs_nginx
def test_an_interrupt_reaches_the_job_it_is_for(front: str, machines: list[Machine]) -> None:
    crowd = Crowd(front, seconds=5)
    jobs = ["dify-a", "dify-b", "dify-c"]
    threads = in_background(crowd, jobs)
    for job in jobs:
        answer = control(front, "/internal/progress", job)
        assert answer.json()["active"] is True, job
        assert answer.headers["X-SD-Machine"] == f"sd_{machine_of(machines, job)}"
    assert {machine_of(machines, job) for job in jobs} == {1, 2, 3}
    assert control(front, "/sdapi/v1/interrupt", "dify-b").status_code == 200
    began = time.monotonic()
    threads[1].join()
    assert time.monotonic() - began < 3.5
    assert [o.job for o in crowd.outcomes] == ["dify-b"]
    for thread in threads:
        thread.join()
    hit = machine_of(machines, "dify-b")
    interrupts = [machine.interrupts() for machine in machines]
    assert interrupts == [1 if number == hit else 0 for number in (1, 2, 3)]


@needs_nginx
@pytest.mark.parametrize("job", [None, "dify-unknown", "odd/../name"])
def test_an_interrupt_for_nobody_reaches_nobody(
    front: str, machines: list[Machine], job: str | None
) -> None:
    answer = control(front, "/sdapi/v1/interrupt", job)
    assert answer.status_code == 404
    assert "does not know which machine" in answer.json()["detail"]
    assert [machine.interrupts() for machine in machines] == [0, 0, 0]


@needs_nginx
def test_a_job_that_nobody_waits_for_still_counts(front: str, machines: list[Machine]) -> None:
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{front}/sdapi/v1/txt2img",
            json=job_body("dify-long", 5),
            headers={"X-SD-Job": "dify-long"},
            timeout=0.5,
        )
    busy = machine_of(machines, "dify-long")
    crowd = Crowd(front, seconds=0.02)
    others = {crowd.send(f"dify-{number}").machine for number in range(4)}
    # nginx breaks ties in turn, so without counting one of four would go to the busy machine.
    assert others == {f"sd_{number}" for number in (1, 2, 3) if number != busy}


@needs_nginx
def test_lists_come_from_any_machine_that_lives(front: str, machines: list[Machine]) -> None:
    machines[0].kill()
    for _ in range(6):
        answer = requests.get(f"{front}/sdapi/v1/sd-models", timeout=10)
        assert answer.status_code == 200


@needs_nginx
def test_when_no_machine_lives_the_caller_is_told(front: str, machines: list[Machine]) -> None:
    for machine in machines:
        machine.kill()
    answer = requests.post(f"{front}/sdapi/v1/txt2img", json=job_body("dify-1", 0.02), timeout=30)
    assert answer.status_code == 502
    assert "cannot be reached" in answer.json()["detail"]


@needs_nginx
def test_large_requests_go_through(front: str, machines: list[Machine]) -> None:
    body = job_body("dify-large", 0.02) | {"ignored": "A" * (40 * 1024 * 1024)}
    answer = requests.post(
        f"{front}/sdapi/v1/txt2img", json=body, headers={"X-SD-Job": "dify-large"}, timeout=60
    )
    assert answer.status_code == 200
    assert machine_of(machines, "dify-large")


def start(plugin: PluginHost, front: str, **more: object) -> Call:
    credentials = {"base_url": front, "timeout": "60", **more}
    requested = {"prompt": "a lighthouse", "size": "64x64", "steps": 3}
    return plugin.start("stable_diffusion", "sd_txt2img", credentials, requested)


@needs_nginx
def test_the_plugin_gives_an_image_or_says_what_happened(
    plugin: PluginHost, front: str, machines: list[Machine]
) -> None:
    plugin.validate_credentials("stable_diffusion", {"base_url": front})
    calls: list[Call] = []
    for number in range(PLUGINS_JOBS):
        while sum(not call.over for call in calls) >= AT_ONCE:
            time.sleep(0.01)
        if number == 40:
            machines[1].kill()
        calls.append(start(plugin, front))
    images, errors = 0, []
    for call in calls:
        try:
            images += len(call.wait(60).files)
        except PluginError as error:
            errors.append(error.message)
    assert images + len(errors) == PLUGINS_JOBS
    assert 0 < len(errors) <= AT_ONCE
    assert all("was not sent a second time" in message for message in errors), errors
    survivors = [job for machine in (machines[0], machines[2]) for job in machine.jobs()]
    assert len(survivors) == len(set(survivors))


@needs_nginx
def test_the_plugin_interrupts_its_own_job_alone(
    plugin: PluginHost, front: str, machines: list[Machine]
) -> None:
    others = in_background(Crowd(front, seconds=4), ["dify-a", "dify-b"])
    (free,) = [number for number, machine in enumerate(machines) if not machine.jobs()]
    credentials = {"base_url": front, "timeout": "2"}
    requested = {"prompt": "a lighthouse", "size": "64x64", "steps": 150}
    machines[free].slow_down()
    with pytest.raises(PluginError, match=r"was running at \d+% and was interrupted"):
        plugin.invoke("stable_diffusion", "sd_txt2img", credentials, requested, timeout=20)
    assert [machine.interrupts() for machine in machines] == [
        1 if number == free else 0 for number in range(3)
    ]
    for other in others:
        other.join()


def test_compose_and_configuration_name_the_same_machines() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    named = re.findall(r"server (webui-\d+):7860", text)
    assert named == [name for name in services if name.startswith("webui-")]
    assert services["nginx"]["depends_on"] == named
    assert len(re.findall(r"server 127\.0\.0\.1:79\d\d max_fails", text)) == len(named)
    gpus = [
        services[name]["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
        for name in named
    ]
    assert len({tuple(gpu) for gpu in gpus}) == len(named)
    assert any("sd-webui.conf:/etc/nginx/conf.d/" in one for one in services["nginx"]["volumes"])
