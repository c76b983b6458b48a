"""Generations on one WebUI: images as they arrive, then a report of what was done."""

import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sdwebui.answers.grid_filter import Sieve
from sdwebui.answers.info import Info
from sdwebui.answers.receipt import Evidence, expected_size, require_model
from sdwebui.answers.report import Report, Round, report_of, shortfall
from sdwebui.answers.stream import AnswerReader
from sdwebui.dialects.plan import Plan
from sdwebui.errors import (
    AnswerCutOff,
    DeadlineExceeded,
    NoPicture,
    NotAWebUI,
    WebUIError,
    WrongModel,
)
from sdwebui.http.deadline import DEFAULT_SECONDS, Deadline
from sdwebui.http.server import Server
from sdwebui.http.transport import Answer, Request, transport_to
from sdwebui.images.formats import PictureFormat, size_of, sniff
from sdwebui.jobs import JOB_HEADER, whereabouts
from sdwebui.planning.planner import NO_DEFAULTS, Defaults, Planner
from sdwebui.resources.catalog import Catalog, catalog_of

RESERVE_SHARE, RESERVE_SECONDS = 0.05, 2.0
"""What is kept of the time limit for asking where the job stands and interrupting it."""

MOST_ANSWER_BYTES = 512 * 2**20
"""No answer may be larger, whatever was asked."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One finished image.

    Attributes:
        data: The file, as the server made it.
        format: MIME type and extension, told from its bytes.
        seed: Its seed.
        width: In pixels, from its header; likewise ``height``.
    """

    data: bytes = field(repr=False)
    format: PictureFormat
    seed: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Client:
    """One call to one WebUI, within one time limit.

    Attributes:
        server: Where it is.
        seconds: The time limit of the whole call, waiting in the queue included.
        defaults: The checkpoint for calls that name none, and words put before all prompts.

    Example:
        >>> client = Client(Server.at("192.168.1.20:7860"), seconds=120)
        >>> plan = client.planner.txt2img(Txt2Img(prompt="a cat"))
        >>> for image in client.generate(plan):
        ...     Path(f"{picture.seed}.{picture.format.extension}").write_bytes(picture.data)
    """

    server: Server
    seconds: float = DEFAULT_SECONDS
    defaults: Defaults = NO_DEFAULTS
    deadline: Deadline = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "deadline", Deadline.after(self.seconds))

    @property
    def catalog(self) -> Catalog:
        """What the server offers, shared with all other calls to it."""
        return catalog_of(self.server)

    @property
    def planner(self) -> Planner:
        """Decides requests within this call's time limit."""
        return Planner(self.catalog, self._work, self.defaults)

    @property
    def _work(self) -> Deadline:
        """When to stop waiting, so that there is time left to see what became of the job."""
        reserve = min(RESERVE_SECONDS, RESERVE_SHARE * self.seconds)
        return Deadline(self.deadline.end - reserve, self.seconds)

    def check(self) -> None:
        """See whether the server can be used as it was described.

        Raises:
            WebUIError: What is wrong with the address, the access or the default model.
        """
        try:
            self.catalog.checkpoints(self.deadline, fresh=True)
        except NotAWebUI as error:
            raise self._explained(error) from None
        if self.defaults.model:
            self.catalog.checkpoint(self.defaults.model, self.deadline)

    def _explained(self, error: NotAWebUI) -> NotAWebUI:
        """A 404 beside a live page is most often a WebUI that was started without ``--api``."""
        transport = transport_to(self.server)
        try:
            with transport.exchange(Request("GET", "/", "its page"), self.deadline) as answer:
                alive = b"<html" in answer.read()[:4096].lower()
        except WebUIError:
            return error
        if not alive or "(404)" not in str(error):
            return error
        return NotAWebUI(
            f"{self.server.url} shows a web page but has no API (404). Start the WebUI with --api "
            "(and --listen for other machines); with --subpath, put that path behind base_url."
        )

    def generate(self, plan: Plan) -> Generator[Picture, None, Report]:
        """Make the images of a plan.

        A server that makes fewer at a time is asked again for the rest. Once an image has been
        handed over, later trouble ends in a warning instead of an error: nothing is lost.

        Args:
            plan: What to make.

        Yields:
            Each image as soon as it is complete.

        Returns:
            The report, with a warning for everything that was done otherwise than asked.

        Raises:
            WrongModel: Another checkpoint made the images.
            WebUIError: Any of the tree.
        """
        started = time.monotonic()
        rounds: list[Round] = []
        warnings = list(plan.notes)
        dialect = self.catalog.dialect(self._work)
        part = plan
        while True:
            body = dialect.body(part)
            one = Round(part, body, dialect.pictures_in(body))
            try:
                yield from self._request(one)
            except WrongModel:
                raise
            except WebUIError as error:
                made = sum(len(done.evidence) for done in rounds) + len(one.evidence)
                if not made:
                    raise
                warnings.append(
                    f"Only {made} of {plan.count} images were made: {error}"
                    if made < plan.count
                    else "What the server says of the images did not arrive, so nothing could be "
                    f"checked: {error}"
                )
                rounds.append(one)
                break
            rounds.append(one)
            rest = part.count - len(one.evidence)
            if rest <= 0 or not self._asks_again(plan, one):
                warnings += shortfall(plan, rounds) if rest > 0 else ()
                break
            part = replace(
                part,
                seed=part.seed + len(one.evidence),
                count=rest,
                task=f"dify-{uuid.uuid4().hex}",
            )
        return report_of(plan, rounds, warnings, time.monotonic() - started)

    def _request(self, one: Round) -> Iterator[Picture]:
        """Send one request and hand over its images while they arrive."""
        job = one.plan.job
        request = Request("POST", f"/sdapi/v1/{job}", job, one.body, {JOB_HEADER: one.plan.task})
        reader = AnswerReader(max_bytes=_most_bytes(one))
        sieve = Sieve(one.body, one.most, others=_may_have_others(one.plan.extra))
        try:
            with transport_to(self.server).exchange(request, self._work) as answer:
                yield from self._arriving(one, answer, reader, sieve)
            one.info = Info.read(reader.finish())
        except NotAWebUI:
            # An unexpected 404: another server may stand behind the address by now.
            self.catalog.forget()
            raise
        except DeadlineExceeded:
            raise whereabouts(self, one.plan, one.body) from None
        require_model(one.plan.checkpoint, one.info)
        yield from self._pictures(one, sieve.rest(one.info.first_picture))
        if not one.evidence:
            raise NoPicture(
                f"The server answered {job} without an image. See in the WebUI whether a model is "
                "selected and loaded, and in its console what went wrong; somebody may also have "
                "interrupted the job."
            )

    def _arriving(
        self, one: Round, answer: Answer, reader: AnswerReader, sieve: Sieve
    ) -> Iterator[Picture]:
        """The images of an answer as they come; the reader then holds the rest of it."""
        failure: WebUIError | None = None
        try:
            for chunk in answer.chunks():
                yield from self._pictures(one, sieve.take(reader.feed(chunk)))
                if reader.ended:
                    answer.hasten()
        except (AnswerCutOff, DeadlineExceeded) as error:
            failure = error
        # Some servers leave the connection open, or announce more than they send.
        if not reader.ended:
            yield from self._pictures(one, sieve.rest_without_info())
            if failure:
                raise failure

    def _pictures(self, one: Round, arrived: list[bytes]) -> Iterator[Picture]:
        """Images of one request, no more than it asks for unless a script adds some."""
        any_number = "script_name" in one.plan.extra
        # Popped, not looped over: nothing here may keep an image alive that Dify has.
        while arrived and (any_number or len(one.evidence) < one.most):
            yield self._picture(one, arrived.pop(0))

    def _picture(self, one: Round, data: bytes) -> Picture:
        if not data:
            # KoboldCpp's answer to any failure (recording txt2img-nomodel).
            raise NoPicture(
                f"The server at {self.server.url} failed and sent an empty image. See whether an "
                "image model is loaded, and look into its console."
            )
        kind = sniff(data)
        width, height = size_of(data)
        seed = one.plan.seed + len(one.evidence)
        one.evidence.append(Evidence(seed, width, height))
        return Picture(data, kind, seed, width, height)

    def _asks_again(self, plan: Plan, one: Round) -> bool:
        """Whether fewer images came because the server makes fewer at a time.

        An interrupted job lists more seeds than it has images (recording
        interrupt-result-n_iter3-in-second): somebody wanted it to stop.
        """
        assert one.info  # noqa: S101
        interrupted = len(one.info.seeds) > len(one.evidence)
        return not interrupted and not {"batch_size", "n_iter", "script_name"} & set(plan.extra)


def _may_have_others(extra: Mapping[str, Any]) -> bool:
    return bool({"save_images", "script_name", "alwayson_scripts"} & set(extra))


def _most_bytes(one: Round) -> int:
    """Bytes that an answer of these images can have: four a pixel, as base64, and some room.

    Sizes may be rounded up by 64 pixels (sd.cpp), and images that were sent come back in
    ``parameters`` (recordings txt2img-controlnet-*). What ``extra`` may add is not foreseen.
    """
    size = expected_size(one.body)
    if one.plan.extra or size is None:
        return MOST_ANSWER_BYTES
    sent = sum(len(image) for image in one.plan.images)
    pixels = (size[0] + 64) * (size[1] + 64)
    return min(MOST_ANSWER_BYTES, 2**24 + 2 * sent + int(one.most * pixels * 4 * 4 / 3 * 1.1))
