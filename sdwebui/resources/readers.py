"""Reading a server's lists: what AUTOMATIC1111 and its relatives answer, as entries with names."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from sdwebui.resources.names import Entry


@dataclass(frozen=True, slots=True)
class Checkpoint(Entry):
    """A checkpoint; ``name`` is what the server accepts in any state.

    Attributes:
        stem: File name without folder and extension: what ``info`` calls it afterwards.
        hash: Short hash, once the server has computed it.
    """

    stem: str = ""
    hash: str = ""


def checkpoint(entry: Mapping[str, Any], unique: bool) -> Checkpoint:
    """Return one entry of ``/sd-models``; ``unique``: no other has its model_name."""
    title = str(entry.get("title") or entry.get("model_name") or "")
    # The title gains " [hash]" once the server has hashed the file, so it is no lasting key.
    untagged = title.rpartition(" [")[0] if title.endswith("]") else title
    filename = str(entry.get("filename") or "")
    base = PureWindowsPath(filename).name if "\\" in filename else PurePosixPath(filename).name
    # A diffusers folder is named by its revision; its title is the better name.
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
    return tuple(checkpoint(one, names.count(one.get("model_name")) == 1) for one in answer)


def named(answer: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read samplers, schedulers, upscalers: entries with ``name``, ``aliases`` and ``label``."""
    return tuple(
        Entry(
            name=str(one["name"]),
            aliases=tuple(map(str, one.get("aliases") or ())),
            label=str(one.get("label") or ""),
        )
        for one in answer
        # SD.Next puts separators such as "── Euler ──" into its lists.
        if one.get("name") and not str(one["name"]).startswith("──")
    )


def files(answer: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read VAEs and Forge modules: entries with ``model_name``, a file name."""
    return tuple(
        Entry(
            name=str(one["model_name"]),
            aliases=(PurePosixPath(str(one["model_name"])).stem,),
            path=str(one.get("filename") or ""),
        )
        for one in answer
        if one.get("model_name")
    )


def loras(answer: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read ``/loras``."""
    found = []
    for one in answer:
        name, path = str(one.get("name") or ""), str(one.get("path") or "")
        stem = PurePosixPath(path.replace("\\", "/")).stem
        found.append(
            Entry(
                name=name,
                aliases=tuple(filter(None, (str(one.get("alias") or ""), stem, path))),
                path=path,
                detail=trigger_words(one.get("metadata")),
            )
        )
    return tuple(entry for entry in found if entry.name)


def trigger_words(metadata: Any) -> str:
    """Return the tags that a LoRA was mostly trained with, from kohya's ``ss_tag_frequency``."""
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
        Entry(name=str(one["name"]), detail=str(one.get("prompt") or ""))
        for one in answer
        if one.get("name") and one.get("prompt") is not None
    )


def embeddings(answer: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Read ``/embeddings``."""
    # A mapping on A1111 and Forge, a list on SD.Next.
    return tuple(Entry(name=str(name)) for name in answer.get("loaded") or ())


def names_under(key: str) -> Callable[[Mapping[str, Any]], tuple[Entry, ...]]:
    """Return the reader of a list of file names that stands under a key."""
    return lambda answer: tuple(map(_file, answer.get(key) or ()))


def _file(name: Any) -> Entry:
    """Return a file by its name, known without extension and " [hash]" too."""
    plain_name = re.sub(r" \[\w+\]$", "", str(name))
    return Entry(name=str(name), aliases=(plain_name, PurePosixPath(plain_name).stem))


def detectors(answer: Any) -> tuple[Entry, ...]:
    """Read what the ADetailer extension calls ``{"ad_model": […]}``, or SD.Next's detailers."""
    return names_under("ad_model")(answer) if isinstance(answer, Mapping) else named(answer)
