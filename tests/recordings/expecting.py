"""What the client should make of a recorded answer, worked out from the recording alone.

Nothing here asks the client's own code: it would agree with itself.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PIL import Image

from tests.recordings import Case
from tests.recordings.fitting import info_of, infotext_of, told
from tests.recordings.playing import ordinary

Size = tuple[int, int]

# --- failures ------------------------------------------------------------------------------------

WORDS = [
    (r"No checkpoints found|Could not find checkpoint|do not have any model", "ModelMissing"),
    (r"Failed to recognize model type", "ModelMissing"),
    (r"No Vision model", "ModelMissing"),
    (r"Script '.+' not found|Always on script not found", "ExtensionMissing"),
    (r"std::bad_alloc|generate_image returned no results", "OutOfMemory"),
    (r"Server is busy", "RateLimited"),
    (r"^(Sampler|Init image|Image|Model) not found$", "Rejected"),
]
"""A server's words, and the exception that they mean whatever the status is."""

STATUSES = {
    0: "AnswerCutOff", 307: "NotAWebUI", 400: "Rejected", 401: "AccessDenied", 404: "NotAWebUI",
    405: "NotAWebUI", 422: "Rejected", 429: "RateLimited", 500: "ServerFault", 501: "NotAWebUI",
    503: "ProxyFailed",
}  # fmt: skip
"""The exception for a status when the words say no more."""


def reasons(case: Case) -> list[str]:
    """Return the texts by which a server gives its reason; of a validation error, the field."""
    answer = case.answer
    if isinstance(answer, str):
        return [] if "<" in answer else [answer]
    if not isinstance(answer, dict):
        return []
    found: list[str] = []
    for key in ("detail", "errors", "message", "error"):
        match answer.get(key):
            case str(text):
                found.append(text)
            case {"msg": str(text)}:
                found.append(text)
            case [{"loc": [*_, field]}, *_]:
                found.append(str(field))
    return [text for text in found if text.strip()]


def failure(case: Case) -> str:
    """Return the name of the exception that an answer means."""
    for text in reasons(case):
        for pattern, name in WORDS:
            if re.search(pattern, text):
                return name
    return STATUSES[case.status]


# --- images --------------------------------------------------------------------------------------


def images_in(case: Case, wanted: int) -> list[bytes]:
    """Return the images that should be handed over: no grid, and no more than were asked for."""
    images = case.answer.get("images") or []
    first = info_of(case.answer).get("index_of_first_image") or 0
    return [base64.b64decode(text.rpartition(",")[2]) for text in images[first:][:wanted]]


def measured(image: bytes) -> Size:
    """Measure an image with Pillow, which the client does not use for it."""
    return Image.open(io.BytesIO(image)).size


def wanted_of(sent: Mapping[str, Any], family: str) -> int:
    """Return how many images the request that was sent may bring."""
    if "script_name" in sent:
        return 100
    if family == "koboldcpp":
        return 1
    batch, n_iter = (
        one if type(one := sent.get(name)) is int and one > 0 else 1
        for name in ("batch_size", "n_iter")
    )
    return min(8, batch) if family == "sdcpp" else batch * n_iter


def seeds_told(case: Case, made: int) -> tuple[int, ...]:
    """Return the seeds that the answer tells of its images."""
    return tuple(info_of(case.answer).get("all_seeds") or ())[:made]


def model_told(case: Case) -> str:
    """Return the checkpoint that made the images, without its extension; "" if it is not told."""
    found = re.search(r", Model: ([^,\n|]+)", infotext_of(case.answer))
    reported = info_of(case.answer).get("sd_model_name") or (found[1] if found else "")
    return re.sub(r"\.(safetensors|gguf)$", "", reported)


def sampler_told(case: Case) -> str:
    """Return the sampler; sd.cpp says NONE where none was asked for."""
    reported = info_of(case.answer).get("sampler_name") or ""
    return "" if reported == "NONE" else str(reported)


# --- warnings ------------------------------------------------------------------------------------

TOPICS = {
    "size": r"The server made [\d×]+ pixels",
    "count": r"The server made \d+ of \d+ images",
    "seeds": r"The server used seeds? ",
    "steps": r"The server used steps ",
    "cfg_scale": r"The server used cfg_scale ",
    "sampler": r"The server (used|does not say that it used) the sampler ",
    "scheduler": r"The server (used|does not say that it used) the scheduler ",
    "clip skip": r"Clip skip \S+ was in force|The server does not say that it used clip skip",
    "vae": r"The VAE .* was in force|The server does not say that it used the VAE",
    "lora": r"The server does not list the LoRA",
    "faces": r"The server did not restore faces",
    "info": r"The server did not say what it did",
}
"""What a warning is about, by its words."""


def topic_of(warning: str) -> str:
    """Return what a warning is about; the warning itself if that is nothing known."""
    return next((name for name, words in TOPICS.items() if re.match(words, warning)), warning)


def folded(text: Any) -> str:
    """Return the letters and digits of a name, and its plus signs."""
    return re.sub(r"[^a-z0-9+]", "", str(text).lower())


def topics(case: Case, sent: Mapping[str, Any], sizes: Sequence[Size]) -> set[str]:
    """Return what should be warned of: where the answer differs from the request that was sent."""
    if not info_of(case.answer):
        return {"info", *_sizes(sent, sizes)}
    return {
        *_sizes(sent, sizes),
        *_numbers(case, sent, len(sizes)),
        *_names(case, sent),
        *_in_force(case, sent),
        *_loras(case, sent),
    }


def _sizes(sent: Mapping[str, Any], sizes: Sequence[Size]) -> Iterator[str]:
    scale = sent.get("hr_scale", 2) if sent.get("enable_hr") else 1
    if sent.get("enable_hr") and (sent.get("hr_resize_x") or sent.get("hr_resize_y")):
        return
    slack = 8 if sent.get("enable_hr") else 1
    wanted = (sent["width"] * scale, sent["height"] * scale)
    for size in sizes:
        if any(abs(side - one) >= slack for side, one in zip(size, wanted, strict=True)):
            yield "size"


def _numbers(case: Case, sent: Mapping[str, Any], made: int) -> Iterator[str]:
    # Variations of one image share its seed; only their second seeds count up.
    step = 0 if sent.get("subseed_strength") else 1
    if any(
        seed != sent["seed"] + step * number for number, seed in enumerate(seeds_told(case, made))
    ):
        yield "seeds"
    if made < wanted_of(sent, case.family) and "script_name" not in sent:
        yield "count"
    for name in ("steps", "cfg_scale"):
        reported = told(case.answer, name)
        requested = sent.get(name)
        if (
            reported is not None
            and isinstance(requested, int | float)
            and abs(reported - requested) > 0.01
        ):
            yield name


def _names(case: Case, sent: Mapping[str, Any]) -> Iterator[str]:
    info, text = info_of(case.answer), infotext_of(case.answer)
    sampler = sent.get("sampler_name")
    if sampler and folded(sampler) != "default":
        reported = info.get("sampler_name")
        if folded(reported) not in _spellings(case.family, "samplers", sampler):
            yield "sampler"
    scheduler = sent.get("scheduler")
    if scheduler and folded(scheduler) not in ("automatic", "default"):
        found = re.search(r"Schedule type: ([^,\n]+)", text)
        extra = info.get("extra_generation_params") or {}
        reported = found[1] if found else extra.get("Schedule type")
        if folded(reported) not in _spellings(case.family, "schedulers", scheduler):
            yield "scheduler"


def _spellings(family: str, kind: str, name: str) -> set[str]:
    """Return all that a server may call a sampler, scheduler or LoRA, as its own list says."""
    for entry in listed(family, kind):
        known = {entry["name"], *(entry.get("aliases") or ())}
        known |= {entry.get(key) or "" for key in ("label", "alias")}
        if name in (entry["name"], entry.get("label")):
            return {folded(one) for one in known if one}
    return {folded(name)}


def listed(family: str, kind: str) -> list[Any]:
    """Return a list of a family as it answers ordinarily; empty where it has none."""
    case = ordinary(family).get(("GET", f"/sdapi/v1/{kind}"))
    return case.answer if case and isinstance(case.answer, list) else []


def _in_force(case: Case, sent: Mapping[str, Any]) -> Iterator[str]:
    text = infotext_of(case.answer)
    overrides = overrides_of(sent)
    found = re.search(r"(?:Clip skip|CLiP-skip): (-?\d+)", text)
    reported = int(found[1]) if found and int(found[1]) > 1 else 1
    requested = sent.get("clip_skip") or overrides.get("CLIP_stop_at_last_layers") or 1
    if reported != (1 if requested in (0, -1) else requested):
        yield "clip skip"
    vae = re.search(r"[\n,] ?(?:VAE|Module 1): ", text)
    if vae and not (overrides.get("sd_vae") or overrides.get("forge_additional_modules")):
        yield "vae"
    if sent.get("restore_faces") and info_of(case.answer).get("restore_faces") is False:
        yield "faces"


USED_LORAS = "|".join(
    [
        r"Lora hashes: \"[^\"]*\"",
        r"LoRA networks: .*",
        r"\"loras\":\[.*?\]",
        r"<lora:(?=.*Version: KoboldCpp).*?>",
    ]
)
"""How the families say which LoRAs they used; KoboldCpp keeps the tags that it knew."""


def _loras(case: Case, sent: Mapping[str, Any]) -> Iterator[str]:
    """A tool sends LoRAs as tags in the prompt, to sd.cpp and KoboldCpp as a list."""
    names = re.findall(r"<lora:([^:>]+):(?!0>)", str(sent.get("prompt")))
    if "lora" not in (case.requested or ()):
        names += [re.sub(r"\.\w+$", "", entry["path"]) for entry in sent.get("lora") or ()]
    text = infotext_of(case.answer)
    used = folded("".join(found[0] for found in re.finditer(USED_LORAS, text)))
    for name in names:
        own = _spellings(case.family, "loras", name) | {folded(name.rpartition("/")[2])}
        if not any(spelling in used for spelling in own):
            yield "lora"


def overrides_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings that a request overrides."""
    overrides = body.get("override_settings")
    return overrides if isinstance(overrides, Mapping) else {}


def other_model(case: Case, sent: Mapping[str, Any]) -> bool:
    """Tell whether the server made the images with another checkpoint than the one it was sent."""
    requested = overrides_of(sent).get("sd_model_checkpoint")
    reported = model_told(case)
    if not requested or not reported:
        return False
    title = next(
        entry["title"]
        for entry in listed(case.family, "sd-models")
        if requested in (entry["model_name"], entry["title"], entry["title"].partition(" [")[0])
    )
    stem = re.sub(r".*/|\.safetensors|\.gguf| \[.*", "", title)
    return folded(stem) != folded(reported)


# --- lists ---------------------------------------------------------------------------------------


def names_in(case: Case) -> list[str]:
    """Return the names that a list holds."""
    answer = case.answer
    match case.path.partition("?")[0].rpartition("/")[2]:
        case "sd-models" | "sd-vae" | "sd-modules":
            return [entry["model_name"] for entry in answer]
        case "embeddings":
            return list(answer["loaded"])
        case "model_list" | "module_list" | "ad_model" as key:
            return list(answer[key])
        case "prompt-styles":
            # Forge's separators have no prompt.
            return [entry["name"] for entry in answer if entry["prompt"] is not None]
    return [entry["name"] for entry in answer if not entry["name"].startswith("──")]


# --- the rest ------------------------------------------------------------------------------------


def other_size(sent: Mapping[str, Any], size: Size) -> bool:
    """Tell whether an enlarged image is not as large as it was asked to be; it was 64×64."""
    scale = sent.get("upscaling_resize")
    wanted = [sent.get(f"upscaling_resize_{side}", 64 * (scale or 0)) for side in "wh"]
    return any(abs(side - one) > 8 for side, one in zip(size, wanted, strict=True))


def words_in(case: Case) -> str:
    """Return a caption; "" where the server failed with 200, as A1111 and SD.Next do."""
    answer = case.answer
    reported = str(answer.get("tags" if "tagger" in case.path else "caption") or "")
    return "" if reported.startswith(("<error>", "CLIP error")) else reported.strip()


def password_in(case: Case) -> str:
    """Return the user and password of a recorded request; "" where it has none that can be."""
    scheme, _, rest = case.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(rest, validate=True).decode()
    except ValueError:
        return ""
    user, _, password = pair.partition(":")
    return pair if user and len(password) > 3 else ""
