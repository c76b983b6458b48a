"""Generations: images as they arrive, then a report of what was done."""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sdwebui.answers.grid_filter import GridFilter
from sdwebui.answers.images import Image, Images
from sdwebui.answers.info import Info
from sdwebui.answers.receipt import Received, expected_size, require_model
from sdwebui.answers.report import Batch, Report, report_of, shortfall
from sdwebui.answers.stream import AnswerReader
from sdwebui.call import Call
from sdwebui.dialects.plan import Plan
from sdwebui.errors import (
    AnswerCutOff,
    DeadlineExceeded,
    NoImage,
    NotAWebUI,
    WebUIError,
    WrongModel,
)
from sdwebui.http.transport import Answer, Request
from sdwebui.images.dimensions import size_of
from sdwebui.images.files import required
from sdwebui.images.formats import sniff
from sdwebui.jobs import JOB_HEADER, handle_timeout
from sdwebui.parameters import ControlNet, Generation, Img2Img, Inpaint, Txt2Img
from sdwebui.planning.planner import job_id
from sdwebui.planning.reproduction import completed
from sdwebui.planning.sources import prepare, ready

MOST_ANSWER_BYTES = 512 * 2**20
"""No response may be larger, whatever was requested."""


def txt2img(call: Call, requested: Txt2Img) -> Images[Report]:
    """Make images from a prompt.

    Raises:
        InvalidInput: A name, value or feature that this server does not have.
        WebUIError: Any of the tree; also while the images are taken.
    """
    requested = _completed(
        call, requested, requested.reproduce.read() if requested.reproduce else None
    )
    return generate(call, call.planner.txt2img(requested))


def img2img(call: Call, requested: Img2Img) -> Images[Report]:
    """Change an image, wholly or in part: also for ``Inpaint`` and ``Outpaint``.

    Raises:
        InvalidInput: A name, value, file or feature that cannot be used.
        WebUIError: Any of the tree; also while the images are taken.
    """
    requested = _completed(call, requested)
    image = required(requested.image, "image").read()
    mask = requested.mask.read() if isinstance(requested, Inpaint) and requested.mask else None
    planner = call.planner
    resize_here = not planner.dialect.resize_modes
    prepared = call.application.run(prepare, requested, image, mask, resize_here)
    return generate(call, planner.img2img(requested, prepared))


def controlnet(call: Call, requested: ControlNet) -> Images[Report]:
    """Make images that one or two control images guide.

    Raises:
        ExtensionMissing: The server has no ControlNet.
        InvalidInput: A name, value, file or feature that cannot be used.
        WebUIError: Any of the tree; also while the images are taken.
    """
    requested = _completed(call, requested)
    files = {
        "control_image": required(requested.control_image, "control_image"),
        "control_image_2": requested.control_image_2,
    }
    run = call.application.run
    images = [run(ready, file.read(), name)[1] for name, file in files.items() if file]
    return generate(call, call.planner.controlnet(requested, images))


def _completed[Requested: Generation](
    call: Call, requested: Requested, file: bytes | None = None
) -> Requested:
    """Return the parameters with what their texts, and an image to repeat, say."""
    if file is None:
        return completed(requested)
    done: Requested = call.application.run(completed, requested, file)
    return done


def generate(call: Call, plan: Plan) -> Images[Report]:
    """Make the images of a plan.

    A server that makes fewer at a time is asked again for the rest. Once an image has been handed
    over, later trouble ends in a warning instead of an error: nothing is lost.

    Raises:
        WrongModel: Another checkpoint made the images; raised while they are taken.
        WebUIError: Any of the tree, likewise.
    """
    return Images(_Requests(call, plan).made())


class _Requests:
    """The requests that the images of one plan take."""

    def __init__(self, call: Call, plan: Plan) -> None:
        self._call = call
        self._plan = plan
        self._batches: list[Batch] = []
        self._warnings = list(plan.notes)

    def made(self) -> Generator[Image, None, Report]:
        """Yield each image as soon as it is complete, and return the report."""
        started = time.monotonic()
        dialect = self._call.dialect
        part: Plan | None = self._plan
        while part:
            body = dialect.body(part)
            batch = Batch(part, body, dialect.images_in(body))
            try:
                yield from self._batch(batch)
            except WrongModel:
                raise
            except WebUIError as error:
                if not self._can_end_early(batch, error):
                    raise
                break
            self._batches.append(batch)
            part = self._rest(batch)
        seconds = time.monotonic() - started
        return report_of(self._plan, self._batches, self._warnings, seconds)

    def _can_end_early(self, batch: Batch, error: WebUIError) -> bool:
        """Keep what was made, with a warning; return False where nothing was made."""
        self._batches.append(batch)
        count = sum(len(done.received) for done in self._batches)
        if not count:
            return False
        wanted = self._plan.count
        self._warnings.append(
            f"Only {count} of {wanted} images were made: {error}"
            if count < wanted
            else "What the server says of the images did not arrive, so nothing could be "
            f"checked: {error}"
        )
        return True

    def _rest(self, batch: Batch) -> Plan | None:
        """Return the plan for what is still missing; None when nothing is, or nothing comes."""
        plan, made = batch.plan, len(batch.received)
        if plan.count <= made:
            return None
        if not self._makes_fewer(batch):
            self._warnings += shortfall(self._plan, self._batches)
            return None
        task = job_id(self._call.application.job_prefix)
        rest = replace(plan, count=plan.count - made, task=task)
        if plan.variation:
            variation_seed, strength = plan.variation
            return replace(rest, variation=(variation_seed + made, strength))
        return replace(rest, seed=plan.seed + made)

    def _makes_fewer(self, batch: Batch) -> bool:
        """Return whether fewer images came because the server makes fewer at a time.

        An interrupted job lists more seeds than it has images (recording
        interrupt-result-n_iter3-in-second): somebody wanted it to stop.
        """
        assert batch.info  # noqa: S101
        interrupted = len(batch.info.seeds) > len(batch.received)
        counts = {"batch_size", "n_iter", "script_name"}
        return not interrupted and not counts & set(self._plan.extra)

    def _batch(self, batch: Batch) -> Iterator[Image]:
        """Send one request and hand over its images while they arrive."""
        call, job = self._call, batch.plan.job
        headers = {JOB_HEADER: batch.plan.task}
        request = Request("POST", f"/sdapi/v1/{job}", job, batch.body, headers)
        reader = AnswerReader(max_bytes=_most_bytes(batch))
        grid_filter = GridFilter(batch.body, batch.most, others=_may_have_others(batch.plan.extra))
        try:
            with call.transport.exchange(request, call.work) as answer:
                yield from self._arriving(batch, answer, reader, grid_filter)
            batch.info = Info.read(reader.finish())
        except NotAWebUI:
            # An unexpected 404: another server may stand behind the address by now.
            call.cache.clear()
            raise
        except DeadlineExceeded:
            task = batch.body.get("force_task_id")
            raise handle_timeout(
                call.transport, call.deadline, batch.plan, task, call.application
            ) from None
        require_model(batch.plan.checkpoint, batch.info)
        yield from self._images(batch, grid_filter.rest(batch.info.first_image))
        if not batch.received:
            raise NoImage(
                f"The server answered {job} without an image. See in the WebUI whether a model is "
                "selected and loaded, and in its console what went wrong; somebody may also have "
                "interrupted the job."
            )

    def _arriving(
        self, batch: Batch, answer: Answer, reader: AnswerReader, grid_filter: GridFilter
    ) -> Iterator[Image]:
        """Yield the images of a response as they come; the reader then holds the rest of it."""
        try:
            for chunk in answer.chunks():
                yield from self._images(batch, grid_filter.take(reader.feed(chunk)))
                if reader.ended:
                    answer.limit_remaining()
        except (AnswerCutOff, DeadlineExceeded):
            # Some servers leave the connection open, or announce more than they send.
            if reader.ended:
                return
            yield from self._images(batch, grid_filter.rest_without_info())
            raise
        if not reader.ended:
            yield from self._images(batch, grid_filter.rest_without_info())

    def _images(self, batch: Batch, arrived: list[bytes]) -> Iterator[Image]:
        """Yield images of one request, no more than it asks for unless a script adds some."""
        any_number = "script_name" in batch.plan.extra
        # Popped, not looped over: nothing here may keep an image alive that was handed over.
        while arrived and (any_number or len(batch.received) < batch.most):
            yield self._image(batch, arrived.pop(0))

    def _image(self, batch: Batch, data: bytes) -> Image:
        if not data:
            # KoboldCpp's response to any failure (recording txt2img-nomodel).
            raise NoImage(
                f"The server at {self._call.server.url} failed and sent an empty image. See "
                "whether an image model is loaded, and look into its console."
            )
        kind = sniff(data)
        width, height = size_of(data)
        # Variations share the seed; their variation seeds count up (recordings txt2img-full-body).
        varied = batch.body.get("subseed_strength")
        seed = batch.plan.seed + (0 if varied else len(batch.received))
        batch.received.append(Received(seed, width, height))
        return Image(data, kind, seed, width, height)


def _may_have_others(extra: Mapping[str, Any]) -> bool:
    return bool({"save_images", "script_name", "alwayson_scripts"} & set(extra))


def _most_bytes(batch: Batch) -> int:
    """Return how long a response can be: four bytes a pixel, as base64, and some room.

    Sizes may be rounded up by 64 pixels (sd.cpp), and images that were sent come back in
    ``parameters`` (recordings txt2img-controlnet-*). What ``extra`` may add is not foreseen.
    """
    size = expected_size(batch.body)
    if batch.plan.extra or size is None:
        return MOST_ANSWER_BYTES
    sent = sum(len(image) for image in batch.plan.images)
    pixels = (size[0] + 64) * (size[1] + 64)
    return min(MOST_ANSWER_BYTES, 2**24 + 2 * sent + int(batch.most * pixels * 4 * 4 / 3 * 1.1))
