"""What a simulated server has on its disk: checkpoints, LoRAs, VAEs, styles, embeddings."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

DATA = Path(__file__).with_name("data")
ROOT = "/srv/webui/models"


@cache
def _data(family: str) -> str:
    return (DATA / f"{family}.json").read_text(encoding="utf-8")


def family_data(family: str) -> dict[str, Any]:
    """Lists, request fields and routes of a family, as recorded; a fresh copy at each call."""
    data: dict[str, Any] = json.loads(_data(family))
    return data


@dataclass
class Checkpoint:
    """A checkpoint file. ``file`` is its path below the model folder.

    A server knows a file's hash only once it has computed it: until then ``title`` has no
    ``[shorthash]`` (A1111, recording get-sd-models-one-model-not-yet-hashed).
    """

    file: str
    sha256: str = ""
    hashed: bool = True

    def __post_init__(self) -> None:
        """Invent a hash that follows from the name."""
        self.sha256 = self.sha256 or hashlib.sha256(self.file.encode()).hexdigest()

    @property
    def stem(self) -> str:
        """The file's name without folder and extension."""
        return PurePosixPath(self.file).stem

    @property
    def model_name(self) -> str:
        """The name in ``sd-models``: folders joined with underscores."""
        return str(PurePosixPath(self.file).with_suffix("")).replace("/", "_")

    @property
    def short_hash(self) -> str:
        """The first ten digits of the SHA-256."""
        return self.sha256[:10]

    @property
    def title(self) -> str:
        """The title in ``sd-models``, with the hash as far as it is known."""
        return f"{self.file} [{self.short_hash}]" if self.hashed else self.file

    @property
    def path(self) -> str:
        """The whole path on the server."""
        return f"{ROOT}/Stable-diffusion/{self.file}"


@dataclass(frozen=True)
class Lora:
    """A LoRA file; ``file`` is its path below the LoRA folder."""

    file: str
    alias: str
    metadata: dict[str, Any] = field(default_factory=dict)
    hash: str = ""

    @property
    def name(self) -> str:
        """The file's name without folder and extension."""
        return PurePosixPath(self.file).stem

    @property
    def short_hash(self) -> str:
        """The twelve digits that infotexts show."""
        return self.hash or hashlib.sha256(self.file.encode()).hexdigest()[:12]


@dataclass
class Catalog:
    """Everything a server offers beside what its program brings along."""

    checkpoints: list[Checkpoint]
    loras: list[Lora]
    vaes: list[str]
    styles: list[dict[str, Any]]
    embeddings: dict[str, str]
    controlnets: list[str]
    text_encoders: list[str] = field(default_factory=list)

    @property
    def first(self) -> Checkpoint | None:
        """The checkpoint that is loaded at the start."""
        return self.checkpoints[0] if self.checkpoints else None


RECORDED_STYLES = [
    {
        "name": "cinematic",
        "prompt": "{prompt}, cinematic lighting",
        "negative_prompt": "blurry, low quality",
    },
    {"name": "plain style", "prompt": "oil painting", "negative_prompt": ""},
]


def recorded() -> Catalog:
    """The files of the recordings of A1111, Forge and SD.Next."""
    return Catalog(
        checkpoints=[
            Checkpoint(
                "tiny-random.safetensors",
                "ac818510da78a2eb6c9136db65fb62028e9614e80d8674d290d01d346485b70d",
            ),
            Checkpoint(
                "pastel-mix/pastelmix-better-vae-fp32.safetensors",
                "4fc1fa91c9bbd159cab2a5cc68d92187f38cbf2b8c1fbeb42f3435039b3db83e",
            ),
        ],
        loras=[
            Lora(
                "tinylora.safetensors",
                "tiny_lora_alias",
                {
                    "ss_sd_model_name": "tiny-random.safetensors",
                    "ss_network_alpha": "4",
                    "ss_output_name": "tiny_lora_alias",
                    "ss_base_model_version": "sd_v1-5",
                    "ss_network_dim": "4",
                },
                "34fe9b514d2d",
            ),
            Lora("sub/second-lora.safetensors", "second-lora", {}, "697823a70d00"),
        ],
        vaes=["random-vae.safetensors"],
        styles=list(RECORDED_STYLES),
        embeddings={"test-embed": "c895db471fe3"},
        controlnets=["control_random_sd15_canny [dcc9562a]"],
    )


def demo() -> Catalog:
    """Names as people have them; the last checkpoint is not hashed until somebody loads it."""
    return Catalog(
        checkpoints=[
            Checkpoint("dreamshaper_8.safetensors"),
            Checkpoint("realisticVisionV60B1_v51VAE.safetensors"),
            Checkpoint("xl/sd_xl_base_1.0.safetensors"),
            Checkpoint("xl/juggernautXL_v9Rdphoto2Lightning.safetensors"),
            Checkpoint("flux/flux1-schnell-fp8.safetensors", hashed=False),
        ],
        loras=[
            Lora(
                "add_detail.safetensors",
                "detail_tweaker",
                {"ss_base_model_version": "sd_v1-5", "ss_output_name": "detail_tweaker"},
            ),
            Lora(
                "styles/pixel-art-xl.safetensors",
                "pixel-art-xl",
                {
                    "ss_base_model_version": "sdxl_base_v1-0",
                    "ss_tag_frequency": {"5_pixel art": {"pixel art": 40, "simple": 12}},
                },
            ),
            Lora(
                "styles/watercolour.safetensors",
                "watercolour",
                {
                    "ss_base_model_version": "sd_v1-5",
                    "ss_tag_frequency": {"10_wtrclr": {"wtrclr style": 25, "paper": 9}},
                },
            ),
        ],
        vaes=["vae-ft-mse-840000-ema-pruned.safetensors", "sdxl_vae.safetensors"],
        styles=[
            *RECORDED_STYLES,
            {
                "name": "watercolour",
                "prompt": "watercolour of {prompt}",
                "negative_prompt": "photo",
            },
        ],
        embeddings={"BadDream": "758aac443515", "EasyNegative": "c74b4e810b03"},
        controlnets=[
            "control_v11p_sd15_canny [d14c016b]",
            "control_v11f1p_sd15_depth [cfd03158]",
            "control_v11p_sd15_openpose [cab727d4]",
        ],
        text_encoders=["ae.safetensors", "clip_l.safetensors", "t5xxl_fp8_e4m3fn.safetensors"],
    )


CATALOGS = {"demo": demo, "recorded": recorded}


def catalog_of(name: str, models: list[str] | None) -> Catalog:
    """A fresh catalog; ``models`` (file names) take the place of its checkpoints."""
    catalog = CATALOGS[name]()
    if models is not None:
        known = {item.file: item for item in catalog.checkpoints}
        catalog.checkpoints = [known.get(file) or Checkpoint(file) for file in models]
    return catalog
