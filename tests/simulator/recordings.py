"""The recorded requests that can be replayed, with the reason for each that cannot."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "facts" / "recordings"


@dataclass(frozen=True)
class Case:
    """One recorded request with its answer; status 0: the connection was closed without one."""

    family: str
    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer: Any
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def seeded(self) -> bool:
        """Whether the request fixes the seed."""
        try:
            asked = json.loads(self.body)
        except ValueError:
            return False
        seed = asked.get("seed") if isinstance(asked, dict) else None
        try:
            number = int(float(seed)) if seed is not None else -1
        except ValueError:
            return False
        if self.family in ("sdcpp", "koboldcpp"):
            return 0 <= number < 2**31
        return number != -1


FLAGS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "a1111": [
        (r"auth-(?!only)", {"auth": "user:pass"}),
        (r"nowebui-", {"webui": False}),
        (r"without-api-flag-", {"api": False}),
        (r"no-checkpoints-", {"models": []}),
    ],
    "forge": [(r"auth-", {"auth": "user:pass"})],
    "sdnext": [
        (r"auth-", {"auth": "user:pass"}),
        (r"fresh-no-model-txt2img|txt2img-f(resh|irst)|loading-txt2img", {"models": []}),
    ],
    "sdcpp": [],
    "koboldcpp": [
        (r".*nomodel", {"models": []}),
        (r".*sdupscaler", {"upscaler_model": True}),
    ],
}
"""Cases recorded with other start flags: what the simulator is started with for them."""

PICTURE_TASKS = [
    "img2img-garbage-base64", "img2img-valid-base64-not-an-image", "img2img-http-url-unresolvable",
    "img2img-http-url-local", "img2img-empty-string-image",
]  # fmt: skip
"""Failed before they began, so they stay in the list of pending tasks."""

FORGE_TASKS = [
    "img2img-garbage-base64", "img2img-valid-base64-not-an-image", "img2img-http-url-local",
]  # fmt: skip

JPEG_LEAKED = (
    "txt2img-(hires-hr_additional_modules-unknown|hires-same-(?!.*(null|no-denoise|sampler|lower))"
    "|override-(clip-skip|vae-sd_vae)|after-(recover-from|samples_format)).*"
)
"""Cases of Forge recorded while samples_format jpg had leaked (NOTES.txt, runs f4 and f4b)."""

SWITCHED = ["options-post-model-title-unhashed"]

BEFORE: dict[str, dict[str, list[str]]] = {
    "a1111": {
        "options-after-post-wrong-type": ["options-post-wrong-type"],
        "options-after-post-(empty-object|model-and-unknown-key|model-title-unhashed|unknown-key)"
        "|parallel-options-get-while-switch-waits": SWITCHED,
        "options-after-override-restore-afterwards-false": [
            "txt2img-override-model-restore-afterwards-false"
        ],
        "finished-internal-progress-by-force_task_id": ["running-txt2img-force_task_id"],
        "txt2img-after-options-wrong-type": ["options-post-wrong-type"],
        "options-after-post-model-null": ["options-post-model-null"],
        "txt2img-after-options-post-model": SWITCHED,
        "txt2img-after-parallel-options": SWITCHED,
        "txt2img-no-override-after-restore-false": [
            "txt2img-override-model-restore-afterwards-false"
        ],
        "txt2img-leak-3-next-plain-request": ["txt2img-leak-1-override-clip-skip-2-and-jpg"],
        "txt2img-leak-4-override-clip-skip-2-when-option-was-set-before": [
            "options-post-set-clip-skip-1-png"
        ],
        "txt2img-infotext-field": [
            "txt2img-leak-1-override-clip-skip-2-and-jpg", "options-post-samples_format-png"
        ],
        "pending-tasks-after-exceptions": PICTURE_TASKS,
        "running-internal-pending-tasks": PICTURE_TASKS,
        "parallel-pending-tasks": PICTURE_TASKS,
        "parallel-internal-progress-B-queued": PICTURE_TASKS,
    },
    "forge": {
        "options-after-(options-post-model-and-txt2img|post-model-title)"
        "|parallel-options-get-while-job-runs": ["options-post-model-title"],
        "finished-internal-progress-by-force_task_id": ["running-txt2img-force_task_id"],
        "options-after-wrong-type": ["txt2img-override-wrong-type"],
        "txt2img-after-override-wrong-type": ["txt2img-override-wrong-type"],
        "options-after-(post-(empty|model-null|modules-unknown|no-body|not-an|unknown)).*": [
            "options-post-model-null"
        ],
        "txt2img-after-options-post-model": ["options-post-model-title"],
        "txt2img-after-parallel-options": ["options-post-model-title"],
        "txt2img-leak-clean-.*": ["options-post-samples_format-png"],
        "txt2img-leak-fresh-next-plain": ["txt2img-leak-fresh-override-jpg"],
        JPEG_LEAKED: ["txt2img-leak-fresh-override-jpg"],
        "(pending-tasks|parallel-(pending|internal-progress-B)).*":
            FORGE_TASKS,
        "options-after-(modules-(known|null)|inference|options-post-model|post-(?!modules|restore)).*":
            ["txt2img-modules-override-known-name"],
    },
    "sdnext": {
        "txt2img-after-options-model-non-existent": ["options-post-model-non-existent"],
        "txt2img-after-options-model-null": ["options-post-model-null"],
        "options-after-post-model-null": ["options-post-model-null"],
        "options-after-post-model-non-existent": ["options-post-model-non-existent"],
        "parallel-options-get-while-switch-waits|options-after-override-restore-afterwards-false": [
            "txt2img-override-model-restore-afterwards-false"
        ],
        "txt2img-after-override-samples_format-png-restore-false": [
            "txt2img-override-samples_format-png-restore-false"
        ],
        "txt2img-options-samples_format-png": ["options-post-samples_format-png"],
        "txt2img-options-samples_format-webp": ["options-post-samples_format-webp"],
        "txt2img-(after-parallel-options|no-override-after-restore-false)": [
            "txt2img-override-model-restore-afterwards-false"
        ],
    },
    "sdcpp": {
        "txt2img-lora-ok": ["get-loras"],
        "txt2img-lora-wrong-shape": ["get-loras"],
    },
    "koboldcpp": {},
}  # fmt: skip
"""Cases that were recorded in a state which earlier requests had left: those requests."""

MEANWHILE: dict[str, dict[str, list[str]]] = {
    "a1111": {
        "running-internal-progress-": ["running-txt2img-force_task_id"],
        "running-progress-with-current_image": ["running-txt2img-force_task_id"],
        "parallel-internal-progress-A": ["parallel-txt2img-A"],
        "parallel-internal-progress-B-queued": ["parallel-txt2img-A", "parallel-txt2img-B"],
        "parallel-pending-tasks": ["parallel-txt2img-A", "parallel-txt2img-B"],
    },
    "forge": {
        "running-internal-progress-with-live": ["running-txt2img-24-steps"],
        "running-internal-progress-by": ["running-txt2img-force_task_id"],
        "running-progress-with-current_image": ["running-txt2img-force_task_id"],
        "parallel-internal-progress-A": ["parallel-txt2img-A"],
        "parallel-internal-progress-B-queued": ["parallel-txt2img-A", "parallel-txt2img-B"],
        "parallel-pending-tasks": ["parallel-txt2img-A", "parallel-txt2img-B"],
    },
    "sdnext": {},
    "sdcpp": {},
    "koboldcpp": {},
}
"""Cases (by the start of the name) recorded while jobs were running: those jobs, in order."""

STOPPED: dict[str, dict[str, tuple[str, float]]] = {
    "a1111": {
        "interrupt-result-hires-first-pass": ("interrupt-running-hires", 0.2),
        "interrupt-result-n_iter3-in-second": ("interrupt-running-n_iter3", 0.9),
        "interrupt-result-while-override-model-loads": ("interrupt-while-model-loads", 0.2),
        "skip-result-n_iter3-in-second": ("skip-running-n_iter3", 0.9),
    },
    "forge": {
        "interrupt-result-n_iter3-in-second": ("interrupt-running-n_iter3", 1.35),
        "interrupt-result-while-override-model-loads": ("interrupt-while-model-loads", 0.2),
        "skip-result-n_iter3-in-second": ("skip-running-n_iter3", 1.35),
    },
    "sdnext": {
        "interrupt-result-single-50-steps": ("interrupt-running", 0.8),
        "huge-steps-result-interrupted": ("huge-steps-interrupt", 0.8),
    },
    "sdcpp": {},
    "koboldcpp": {},
}
"""Jobs that another request stopped: that request, and after how many seconds at 0.1 a step."""

PLAYED = {
    *(("GET", path) for path in (
        "/", "/openapi.json", "/internal/pending-tasks", "/api/extra/version",
        "/sdcpp/v1/capabilities", "/controlnet/model_list", "/controlnet/module_list",
    )),
    *(("GET", f"/sdapi/v1/{name}") for name in (
        "sd-models", "options", "samplers", "schedulers", "upscalers", "latent-upscale-modes",
        "sd-vae", "sd-modules", "loras", "prompt-styles", "embeddings", "detailers", "version",
    )),
    *(("POST", f"/sdapi/v1/{name}") for name in (
        "txt2img", "img2img", "extra-single-image", "png-info", "interrogate", "openclip", "tagger",
        "interrupt", "options",
    )),
    ("POST", "/internal/progress"),
}  # fmt: skip
"""What the plugin asks servers, and two requests with which it would do harm."""

BROKEN = "RemoteDisconnected|ConnectionReset"
"""The recorded client's words for a server that closed the connection without an answer."""

NO_OBJECT = (
    r".*(-empty-body|invalid-json|truncated-json|invalid-utf8|json-(array|null|number|string|empty)"
    r"|form-encoded|text-plain|no-content-type|no-body|not-an-object)(-.*)?"
)

BY_NAME: dict[str, list[tuple[str, str]]] = {
    "every": [
        (NO_OBJECT, "the plugin always sends a JSON object, and says that it is one"),
        (
            r"auth-(bearer|empty-get|no-colon|not-base64)",
            "the plugin's Authorization header is always well-formed",
        ),
        (r"txt2img-script|.*-selectable", "selectable scripts are not simulated"),
        (r"skip-result", "the plugin never skips"),
        (r"txt2img-.*(chunked-transfer|real-chunked)", "the plugin sends no bodies in chunks"),
        (
            r"txt2img-(full-body|.*save_images|infotext-field)",
            "only more_settings can ask for a grid or infotext; the answer is played to the plugin",
        ),
        (
            r"extra-single-image-(resize_mode-7|upscaling_resize-0)",
            "the plugin keeps within the bounds of upscaling",
        ),
        (
            r"(interrogate|openclip)-(unknown-model|no-image)",
            "the plugin sends an image, and asks for models that exist",
        ),
        (r"img2img-http-url", "the plugin sends images, never their addresses"),
    ],
    "a1111": [
        (r"loading-0[23]", "recorded in the moment when the first checkpoint was being hashed"),
        (r"nowebui-get-options", "lacks the options of extensions that a page would load"),
        (r"no-checkpoints-get-options", "still names a checkpoint that was taken away"),
        (r"server-killed-during-job", "the server was killed; see the tests of faults"),
    ],
    "forge": [
        (r"get-sd-models-not-yet-hashed", "recorded before anything was hashed"),
        (r"options-after-wrong-type", "lists the options in another way than /options does"),
        (r"(auth-right-)?get-prompt-styles", "needs Forge's own list of styles"),
        (r"get-controlnet_model_list$", "recorded before there was a model"),
        (r"img2img-soft-inpainting", "an extension that is not simulated"),
    ],
    "sdnext": [
        (
            r"(loading|fresh-no-model|checkpoint-after|get-sd-models-after-load).*(?<!txt2img)$",
            "recorded before a model was loaded or hashed",
        ),
        (
            r"(interrupt)-result-(n_iter3|hires)|parallel-interrupt-A|txt2img-empty-object",
            "stopped at a moment that cannot be repeated",
        ),
        (r"get-schedulers", "the plugin knows that SD.Next has no schedulers"),
        (r".*internal-progress", "the plugin knows that SD.Next cannot tell of tasks"),
        (r"options-after-post-checkpoint-", "follows a route that the plugin never calls"),
        (r"auth-right-get-embeddings", "recorded before any was loaded"),
        (r"txt2img-override-vae-unknown", "another VAE had leaked in"),
        (r"txt2img-size-1-pixel", "a size below what the plugin sends"),
        (
            r"txt2img-top-level-sd_model_checkpoint",
            "the plugin names models among the overrides; this is played to it",
        ),
        (r"(txt2img-)?rate-limit-", "after hundreds of requests; see the test of the limit"),
        (r".*(missing-file-esrgan|esrgan-missing-file)", "weights that could not be downloaded"),
        (
            r"txt2img-(after-options-wrong-type|options-samples_format-tiff)",
            "options not simulated",
        ),
        (r"txt2img-styles-(known|short-name)", "needs SD.Next's own list of styles"),
        (r"png-info-options-", "its image was made with options that are not simulated"),
    ],
    "sdcpp": [
        (r"txt2img-extra-args", "the plugin sends no arguments of sd.cpp's own in the prompt"),
        (r"txt2img-huge-width-int-overflow", "a width of 2^31-64, which the program overflows at"),
    ],
    "koboldcpp": [
        (r"img2img-denoise-0-steps-1", "nothing sampled; the answer is played to the plugin"),
        (r"sdupscaler-extra-data-url", "the plugin sends no data: addresses"),
        (r"txt2img-lora-wrong-shape", "a LoRA of the wrong shape ended the server"),
        (r"txt2img-(many-parallel|multiuser)", "twenty at once; see the test of the queue"),
        (r".*(sdclamped|remove-limits)", "recorded with flags that change the limits"),
        (r"txt2img-payload-33MiB", "its body was not kept"),
    ],
}
"""By family: which cases are not replayed (a pattern of the name), and why."""


def reason_against(family: str, name: str, record: Any) -> str:
    """Return why a recording is not replayed; "" when it is."""
    rules = [*BY_NAME["every"], *BY_NAME[family]]
    by_name = next((why for pattern, why in rules if re.match(pattern, name)), "")
    if by_name:
        return by_name
    if not isinstance(record, dict) or "request" not in record or "samples" in record:
        return "samples over time, not one answer"
    request = record["request"]
    if (request["method"], request["path"]) not in PLAYED:
        return "the plugin never calls this route in this way"
    if record.get("status") is None and not re.search(BROKEN, str(record.get("exception"))):
        return "the recording client gave up, or the server was killed"
    if "...<base64" in json.dumps(request):
        return "its image was shortened when it was recorded"
    if _has_null(request.get("body")):
        return "the plugin never sends null: a null in more_settings takes the field out"
    return ""


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(member is None or _has_null(member) for member in value.values())
    return False


def recorded(family: str) -> Iterator[tuple[str, Any]]:
    """Yield name and content of each recording of a family."""
    for path in sorted((RECORDINGS / family).glob("*.json")):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))


def cases(family: str) -> Iterator[tuple[Case | None, str, str]]:
    """Yield each recording as a case, its name, and the reason when it is not replayed."""
    for name, record in recorded(family):
        reason = reason_against(family, name, record)
        yield (None if reason else _case(family, name, record)), name, reason


def case_named(family: str, name: str) -> Case:
    """Return a recording that sets a state up, whether or not it is replayed itself."""
    text = (RECORDINGS / family / f"{name}.json").read_text(encoding="utf-8")
    return _case(family, name, json.loads(text))


def _case(family: str, name: str, record: dict[str, Any]) -> Case:
    request = record["request"]
    headers = dict(request.get("headers") or request.get("headers_sent") or {})
    headers = {k: v for k, v in headers.items() if k.lower() not in ("host", "content-length")}
    raw, given = request.get("raw_body"), request.get("body")
    if isinstance(raw, str):
        body = raw.encode()
    elif given is None:
        body = b""
    elif request.get("body_is_raw_text") and isinstance(given, str):
        body = given.encode()
    else:
        body = json.dumps(given).encode()
    settings = next((flags for pattern, flags in FLAGS[family] if re.match(pattern, name)), {})
    return Case(
        family, name, request["method"], request["path"], headers, body,
        record["status"] or 0, record.get("body"), settings,
    )  # fmt: skip
