"""What a simulated server has on its disk: checkpoints, LoRAs, VAEs, styles, embeddings."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

DATA = Path(__file__).with_name("data")
ROOT = "/srv/webui/models"


def data_of(name: str) -> dict[str, Any]:
    """Return a file of recorded data."""
    data: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return data


@dataclass
class Checkpoint:
    """A checkpoint; ``file`` is its path below the model folder.

    A server knows a file's hash only once it has computed it: until then titles have no
    ``[shorthash]`` (A1111, recording get-sd-models-one-model-not-yet-hashed).
    """

    file: str
    sha256: str = ""
    hashed: bool = True

    def __post_init__(self) -> None:
        self.sha256 = self.sha256 or hashlib.sha256(self.file.encode()).hexdigest()
        self.short_hash = self.sha256[:10]
        path = PurePosixPath(self.file)
        self.stem = path.stem
        self.model_name = str(path.with_suffix("")).replace("/", "_")
        self.path = f"{ROOT}/Stable-diffusion/{self.file}"

    def titled(self, name: str) -> str:
        """Return a name with the hash as far as it is known."""
        return f"{name} [{self.short_hash}]" if self.hashed else name


@dataclass
class Lora:
    """A LoRA; ``file`` is its path below the LoRA folder, ``hash`` what infotexts show."""

    file: str
    alias: str
    hash: str
    metadata: dict[str, Any]

    def __post_init__(self) -> None:
        self.name = PurePosixPath(self.file).stem
        self.path = f"{ROOT}/Lora/{self.file}"


@dataclass
class Inventory:
    """Everything a server has beside what its program brings along."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    loras: list[Lora] = field(default_factory=list)
    vaes: list[str] = field(default_factory=list)
    styles: list[dict[str, Any]] = field(default_factory=list)
    embeddings: dict[str, str] = field(default_factory=dict)
    controlnets: list[str] = field(default_factory=list)
    text_encoders: list[str] = field(default_factory=list)

    @classmethod
    def named(cls, name: str, models: list[str] | None) -> "Inventory":
        """Return a fresh inventory; ``models`` (files) take the place of its checkpoints."""
        data = data_of("inventory")[name]
        known = {item["file"]: Checkpoint(**item) for item in data.pop("checkpoints")}
        loras = [Lora(**item) for item in data.pop("loras")]
        files = known if models is None else models
        return cls([known.get(file) or Checkpoint(file) for file in files], loras, **data)
