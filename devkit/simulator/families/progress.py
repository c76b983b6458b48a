"""Where jobs stand: A1111's ``/sdapi/v1/progress`` and ``/internal/progress``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from PIL import Image

from devkit.simulator import picturefiles
from devkit.simulator.jobs import Job, Queue
from devkit.simulator.wire import Answer, Request

if TYPE_CHECKING:
    from devkit.simulator.families.fastapi import FastAPIServer


class Progress:
    """Reads the queue for those who ask."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._interrupted_idle = False

    def add_routes(self, server: FastAPIServer) -> None:
        """The endpoints of the web page that tell of single tasks; no password guards them."""
        server.add(
            "POST", "/internal/progress", self.task, model="progress", guarded=False, part="webui"
        )
        server.add("GET", "/internal/pending-tasks", self.pending, guarded=False, part="webui")
        server.add("GET", "/internal/ping", {}, guarded=False, part="webui")

    def interrupt(self) -> None:
        """Stop whoever is running; while nobody is, only the flag is set."""
        if self._queue.running:
            self._queue.running.interrupt()
        else:
            self._interrupted_idle = True

    def pending(self, _request: Request, _body: Any) -> Answer:
        """``GET /internal/pending-tasks``: the queue, and tasks that failed before they began."""
        tasks = list(self._queue.pending)
        return Answer.of_json({"size": len(tasks), "tasks": tasks})

    def task(self, _request: Request, body: dict[str, Any]) -> Answer:
        """``POST /internal/progress``: one task."""
        name = body["id_task"]
        running = self._queue.running
        state: dict[str, Any] = {
            "active": running is not None and running.task == name and self._begun(running),
            "queued": name in self._queue.pending,
            "completed": name in self._queue.finished,
            "progress": None,
            "eta": None,
            "live_preview": None,
            "id_live_preview": -1,
            "textinfo": None,
        }
        if state["active"] and running:
            state["progress"] = running.share
            state["eta"] = self._remaining(running) if running.share else None
            if running.step and body.get("live_preview", True):
                state["live_preview"] = f"data:image/png;base64,{preview(running)}"
                state["id_live_preview"] = running.step
        elif state["queued"]:
            tasks = list(self._queue.pending)
            state["textinfo"] = f"In queue: {tasks.index(name) + 1}/{len(tasks)}"
        else:
            state["textinfo"] = "Waiting..."
        return Answer.of_json(state)

    def _begun(self, job: Job) -> bool:
        return job.task not in self._queue.pending

    def anybody(self, *, with_image: bool) -> dict[str, Any]:
        """``GET /sdapi/v1/progress``: whoever is running, or what the last job left behind."""
        running, last = self._queue.running, self._queue.last
        if running and running.kind not in ("txt2img", "img2img"):
            running = None
        state: dict[str, Any] = {
            "skipped": bool(last and last.skipped),
            "interrupted": bool(last and last.interrupted) or self._interrupted_idle,
            "stopping_generation": False,
            "job": "",
            "job_count": 0,
            "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.localtime(last.started))
            if last and last.started else "0",
            "job_no": last.batches if last else 0,
            "sampling_step": 0,
            "sampling_steps": last.sampling_steps if last else 0,
        }  # fmt: skip
        if running is None:
            return self._written(0.0, 0.0, state, None)
        self._interrupted_idle = False
        name = f"scripts_{running.kind}"
        if running.batches > 1:
            name = f"Batch {running.batch + 1} out of {running.batches}"
        state.update(
            job=name, job_count=running.batches, job_no=running.batch,
            sampling_step=running.step, sampling_steps=running.sampling_steps,
        )  # fmt: skip
        image = preview(running) if with_image and running.step else None
        share = min(0.01 + running.share, 1.0)
        return self._written(share, self._remaining(running), state, image)

    def _written(
        self, share: float, eta: float, state: dict[str, Any], image: str | None
    ) -> dict[str, Any]:
        return {
            "progress": share,
            "eta_relative": eta,
            "state": state,
            "current_image": image,
            "textinfo": None,
        }

    def _remaining(self, job: Job) -> float:
        spent = time.time() - (job.started or time.time())
        share = max(job.share, 0.01)
        return spent / share - spent


def preview(job: Job) -> str:
    """A tiny image of the work so far."""
    level = round(255 * job.share)
    return picturefiles.to_base64(
        picturefiles.encode(Image.new("RGB", (16, 16), (level, 90, 160)), None)
    )
