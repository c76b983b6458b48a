"""AUTOMATIC1111 stable-diffusion-webui v1.10.1, and v1.6 as far as it differs."""

from typing import Any

from PIL import Image

from devkit.simulator import painter
from devkit.simulator.families.base import Body, HTTPError
from devkit.simulator.families.generating import Generating
from devkit.simulator.families.generation import whole_blocks
from devkit.simulator.jobs import Job


class A1111(Generating):
    """The reference: tasks, upscaling and captions beside the generations."""

    name = "a1111"
    version = "v1.10.1"

    def start(self) -> None:
        """Serve tasks, upscaling and captions beside."""
        super().start()
        self.get("/internal/pending-tasks", lambda: {"tasks": self._pending()}, guarded=False)
        self.post("/internal/progress", self._progress, fields="progress", guarded=False)
        self.post("/sdapi/v1/interrogate", self._interrogate, fields="interrogate")
        self.post("/sdapi/v1/extra-single-image", self._upscale, fields="extra-single-image")

    def _pending(self) -> list[str]:
        """Return the queue, and tasks that failed before they began."""
        return [job.task for job in self.queue.history if job.task and not job.has_begun]

    def _progress(self, body: Body) -> Body:
        """Return where one task stands."""
        task, pending = body["id_task"], self._pending()
        job = next((one for one in self.queue.history if one.task == task and one.has_begun), None)
        active = job if job and not job.ended else None
        place = f"In queue: {pending.index(task) + 1}/{len(pending)}" if task in pending else None
        share = (active.batch + active.share_of_batch) / active.batches if active else None
        return {
            "active": active is not None, "queued": task in pending, "progress": share,
            "completed": job is not None and active is None,
            "textinfo": None if active else place or "Waiting...",
        }  # fmt: skip

    def _upscale(self, body: Body) -> Body:
        image = self.opened(body["image"]).convert("RGB")
        with self.queue.turn(Job()):
            known = {item["name"] for item in self.lists["upscalers"]}
            for name in (body["upscaler_1"], body["upscaler_2"]):
                if name not in known:
                    raise self.failure("upscaler", name)
            if body["upscaler_1"] != "None":
                size = _upscaled_size(image.size, body)
                image = image.resize(size, Image.Resampling.LANCZOS)
        return {"html_info": "", "image": self.file_of(image, None)}

    def _interrogate(self, body: Body) -> Body:
        """Return a caption, or tags; the recorded server had no weights for either."""
        image = self.opened(body["image"])
        if body["model"] == "clip":
            return {"caption": "<error>" if self.is_recorded else painter.described(image)}
        if self.is_recorded:
            raise self.failure("tagger weights")
        return {"caption": ", ".join(painter.described(image).split()[1:])}


def _upscaled_size(size: tuple[int, int], body: Body) -> tuple[int, int]:
    """Return the size by scale, or that which covers the wanted one unless it may crop."""
    scale = body["upscaling_resize"]
    if body["resize_mode"] == 1:
        wide, high = body["upscaling_resize_w"], body["upscaling_resize_h"]
        if body["upscaling_crop"]:
            return wide, high
        scale = max(wide / size[0], high / size[1])
    return whole_blocks(size[0] * scale, size[1] * scale)


class A1111Before(A1111):
    """Version 1.6, before schedulers had a list of their own and jobs a name.

    Assumed, no recording shows it: samplers carry their schedule in the name, an unknown one is a
    404, and a request cannot name its task. Everything else is as in 1.10.
    """

    name = "a1111-1.6"
    version = "v1.6.0"

    def start(self) -> None:
        """Serve its own samplers, and nothing that came later."""
        super().start()
        self.lists |= {"samplers": self.lists["samplers of v1.6"], "schedulers": []}
        self.get("/sdapi/v1/samplers", self.lists["samplers"])
        for path in ("/sdapi/v1/schedulers", "/internal/pending-tasks"):
            self.data["paths"].remove(path)
            del self.routes["GET", path]
        for fields in self.data["fields"].values():
            for name in ("scheduler", "hr_scheduler", "force_task_id"):
                fields.pop(name, None)

    def generate(self, kind: str, values: Body) -> Any:
        """Check the sampler's name before anything else."""
        wanted = values["sampler_name"] or values["sampler_index"]
        for item in self.lists["samplers"]:
            if wanted in (item["name"], *item["aliases"]):
                return super().generate(kind, {**values, "sampler_name": item["name"]})
        raise HTTPError(404, "Sampler not found")
