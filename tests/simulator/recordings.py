"""The recorded requests that can be replayed, with the reason for each that cannot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.recordings import SHORTENED, body_of, records


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
    answer_headers: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def seeded(self) -> bool:
        """Whether the request fixes the seed."""
        try:
            requested = json.loads(self.body)
        except ValueError:
            return False
        seed = requested.get("seed") if isinstance(requested, dict) else None
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
        (r"gradio-auth-only-", {"gradio_auth": "user:pass"}),
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

EXCLUDED: dict[str, list[tuple[str, str]]] = {
    "a1111": [
        (r".*internal_sysinfo", "a description of the recording machine"),
        (r"loading-0[23]", "recorded in the moment when the first checkpoint was being hashed"),
        (r"nowebui-get-options", "lacks the options of extensions that a page would load"),
        (r"server-killed-during-job", "the server was killed; see the tests of faults"),
        (r"txt2img-script-prompt-matrix", "selectable scripts are not simulated"),
    ],
    "forge": [
        (r"get-cmd-flags-without-port", "recorded without the flag that makes it fail"),
        (r"get-sd-models-not-yet-hashed", "recorded before anything was hashed"),
        (r"options-after-wrong-type", "lists the options in another way than /options does"),
        (r"img2img-soft-inpainting", "an extension that is not simulated"),
        (r"txt2img-script-prompt-matrix", "selectable scripts are not simulated"),
    ],
    "sdnext": [
        (r"api-auth-flag-cmd-flags", "recorded with a flag that guards nothing"),
        (
            r"auth-.*(browser_folders|civitai|-network|_config|login_check|_user|upload"
            r"|queue_status|post-checkpoint|right-get-embeddings)",
            "not part of what clients of the WebUI API use",
        ),
        (
            r"(loading|fresh-no-model|checkpoint-after|get-sd-models-after-load).*(?<!txt2img)$",
            "recorded before a model was loaded or hashed",
        ),
        (
            r"(interrupt|skip)-result-(n_iter3|hires)|parallel-interrupt-A|txt2img-empty-object",
            "stopped at a moment that cannot be repeated",
        ),
        (r"txt2img-top-level-sd_model_checkpoint-field$", "names a model that is not simulated"),
        (r"txt2img-script-prompt-matrix", "selectable scripts are not simulated"),
        (r"(txt2img-)?rate-limit-", "after hundreds of requests; see the test of the limit"),
        (r".*(missing-file-esrgan|esrgan-missing-file)", "weights that could not be downloaded"),
        (
            r"txt2img-(after-options-wrong-type|options-samples_format-tiff)",
            "options not simulated",
        ),
        (r"txt2img-(full-body|styles-(known|short-name))", "needs SD.Next's own list of styles"),
        (r"png-info-options-", "its image was made with options that are not simulated"),
    ],
    "sdcpp": [(r"v1-", "not the API of a WebUI")],
    "koboldcpp": [
        (r".*v1-(?!img2img|txt2img)", "not the API of a WebUI"),
        (r"(?!.*sdapi).*(api-generate|api-v1|abort|perf)", "not the API of a WebUI"),
        (r"txt2img-(many-parallel|multiuser)", "twenty at once; see the test of the queue"),
        (r".*(sdclamped|remove-limits)", "recorded with flags that change the limits"),
        (r"txt2img-payload-33MiB", "its body was not kept"),
    ],
}
"""By family: which cases are not replayed (a pattern of the name), and why."""


def cases(family: str) -> Iterator[tuple[Case | None, str, str]]:
    """Each recording as a case, its name, and the reason when it is not replayed."""
    for name, record in records(family).items():
        reason = next((why for pattern, why in EXCLUDED[family] if re.match(pattern, name)), "")
        if not reason and "request" not in record:
            reason = "samples over time, not one answer"
        dropped = not reason and record.get("closed")
        if not reason and not dropped and (record.get("status") is None or "samples" in record):
            reason = "samples over time, not one answer"
            if "exception" in record:
                reason = "the recording client gave up, or the server was killed"
        if not reason and SHORTENED in json.dumps(record["request"], ensure_ascii=False):
            reason = "its image was shortened when it was recorded"
        yield (None if reason else _case(family, name, record)), name, reason


def _case(family: str, name: str, record: dict[str, Any]) -> Case:
    request = record["request"]
    settings = next((flags for pattern, flags in FLAGS[family] if re.match(pattern, name)), {})
    return Case(
        family, name, request["method"], request["path"], request["headers"], body_of(request),
        record["status"] or 0, record.get("body"), record.get("headers", {}),
        settings,
    )  # fmt: skip
