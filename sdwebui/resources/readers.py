"""Parsing of the lists that AUTOMATIC1111 and its relatives send into entries with names."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from sdwebui.resources.names import Entry


@dataclass(frozen=True, slots=True)
class Checkpoint(Entry):
    """A checkpoint; the server accepts its ``name`` whether or not it has computed the hash.

    Attributes:
        stem: File name without folder and extension, which ``info`` reports afterwards.
        hash: Short hash, once the server has computed it.
    """

    stem: str = ""
    hash: str = ""


def checkpoint(entry: Mapping[str, Any], unique: bool) -> Checkpoint:
    """Read one entry of ``/sd-models``.

    Args:
        entry: As the server sent it.
        unique: No other entry has its ``model_name``.
    """
    title = str(entry.get("title") or entry.get("model_name") or "")
    # The server adds " [hash]" to the title once it has hashed the file.
    untagged = title.rpartition(" [")[0] if title.endswith("]") else title
    filename = str(entry.get("filename") or "")
    base = PureWindowsPath(filename).name if "\\" in filename else PurePosixPath(filename).name
    # The folder of a diffusers model is named after its revision; the title is the better name.
    folder = entry.get("type") == "diffusers"
    stem = untagged.rpartition("/")[2] if folder or not base else PurePosixPath(base).stem
    short = str(entry.get("hash") or "")
    model_name = str(entry.get("model_name") or untagged)
    return Checkpoint(
        name=model_name if unique else untagged,
        aliases=tuple(
            filter(
                None,
                (model_name, title, untagged, base, stem, short, entry.get("sha256"), filename)
                + ((f"{stem} [{short}]", f"{model_name} [{short}]") if short else ()),
            )
        ),
        label=title,
        path=filename,
        stem=stem,
        hash=short,
    )


def checkpoints(answer: Sequence[Mapping[str, Any]]) -> tuple[Checkpoint, ...]:
    """Read ``/sd-models``."""
    names = [entry.get("model_name") for entry in answer]
    return tuple(checkpoint(entry, names.count(entry.get("model_name")) == 1) for entry in answer)


def named(answer: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read samplers, schedulers, upscalers: entries with ``name``, ``aliases`` and ``label``."""
    return tuple(
        Entry(
            name=str(entry["name"]),
            aliases=tuple(map(str, entry.get("aliases") or ())),
            label=str(entry.get("label") or ""),
        )
        for entry in answer
        # SD.Next puts separators such as "── Euler ──" into its lists.
        if entry.get("name") and not str(entry["name"]).startswith("──")
    )


def files(answer: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read VAEs and Forge modules: entries with ``model_name``, a file name."""
    return tuple(
        Entry(
            name=str(entry["model_name"]),
            aliases=(PurePosixPath(str(entry["model_name"])).stem,),
            path=str(entry.get("filename") or ""),
        )
        for entry in answer
        if entry.get("model_name")
    )


def loras(answer: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read ``/loras``."""
    return tuple(map(_lora, filter(lambda entry: entry.get("name"), answer)))


def _lora(entry: Mapping[str, Any]) -> Entry:
    """Read one entry of ``/loras``."""
    path = str(entry.get("path") or "")
    stem = PurePosixPath(path.replace("\\", "/")).stem
    return Entry(
        name=str(entry["name"]),
        aliases=tuple(filter(None, (str(entry.get("alias") or ""), stem, path))),
        path=path,
        detail=trigger_words(entry.get("metadata")),
    )


def trigger_words(metadata: Any) -> str:
    """Return a LoRA's trigger phrase or its five most frequent training tags.

    Tags are counted in kohya's ``ss_tag_frequency``.
    """
    if not isinstance(metadata, Mapping):
        return ""
    if reported := metadata.get("modelspec.trigger_phrase"):
        return str(reported)
    counts: dict[str, int] = {}
    frequency = metadata.get("ss_tag_frequency")
    for tags in frequency.values() if isinstance(frequency, Mapping) else ():
        for tag, count in tags.items() if isinstance(tags, Mapping) else ():
            counts[tag.strip()] = counts.get(tag.strip(), 0) + int(count)
    return ", ".join(sorted(counts, key=lambda tag: -counts[tag])[:5])


def styles(answer: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read ``/prompt-styles``."""
    # Forge lists separator rows whose prompt is null.
    return tuple(
        Entry(name=str(entry["name"]), detail=str(entry.get("prompt") or ""))
        for entry in answer
        if entry.get("name") and entry.get("prompt") is not None
    )


def embeddings(answer: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Read ``/embeddings``."""
    # "loaded" is a mapping on A1111 and Forge, a list on SD.Next.
    return tuple(Entry(name=str(name)) for name in answer.get("loaded") or ())


def names_under(key: str) -> Callable[[Mapping[str, Any]], tuple[Entry, ...]]:
    """Return a reader of the list of file names under a key."""
    return lambda answer: tuple(map(_file, answer.get(key) or ()))


def _file(name: Any) -> Entry:
    """Return the entry of a file, also known by its name without extension and " [hash]"."""
    plain_name = re.sub(r" \[\w+\]$", "", str(name))
    return Entry(name=str(name), aliases=(plain_name, PurePosixPath(plain_name).stem))


def detectors(answer: Any) -> tuple[Entry, ...]:
    """Read the list of the ADetailer extension, ``{"ad_model": […]}``, or SD.Next's detailers."""
    return names_under("ad_model")(answer) if isinstance(answer, Mapping) else named(answer)
