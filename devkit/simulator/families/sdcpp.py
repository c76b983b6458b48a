"""stable-diffusion.cpp's server (August 2026): one model, few endpoints, its own spellings."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import painter, picturefiles
from devkit.simulator.catalog import Lora
from devkit.simulator.families.base import Family
from devkit.simulator.jobs import Job
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request

SAMPLERS = {
    "euler a": "euler_a", "dpm++ 2m": "dpm++2m", "dpm++ 2s a": "dpm++2s_a", "ddim": "ddim_trailing",
    "k_euler_a": "euler_a", "k_euler": "euler",
}  # fmt: skip
"""Spellings of A1111 that the server understands, in lower case, and its own."""

SCHEDULERS = {"normal": "discrete", "default": None}

RECORDED_LORAS = (
    ("random-lora-small", "random-lora-small.safetensors"),
    ("random-lora-full", "styles/random-lora-full.safetensors"),
)
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Methods": "*",
}

GENERATED = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")
LARGEST_SEED = 2**31


class Refused(Exception):
    """A request the server turns down."""

    def __init__(self, status: int, value: dict[str, Any]) -> None:
        super().__init__(str(value))
        self.status = status
        self.value = value

    @classmethod
    def with_message(cls, message: str) -> Refused:
        """The 500 that exceptions of the program end in."""
        return cls(500, {"error": "server_error", "message": message})


def float32(value: float) -> float:
    """The number as the program's 32-bit floats hold it."""
    import struct

    single: float = struct.unpack("f", struct.pack("f", value))[0]
    return single


def json_kind(value: Any) -> str:
    """The type's name in the JSON library's messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


class SdCpp(Family):
    """One model in memory, jobs in a row, no options to set, no interrupting."""

    name = "sdcpp"
    data_name = "sdcpp"
    server_header: ClassVar[str | None] = None
    version: ClassVar[str] = "stable-diffusion.cpp"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """LoRA paths are unknown until somebody has asked for the list."""
        super().__init__(settings)
        self.loras_listed = False

    @property
    def model_file(self) -> str:
        """The file of the one model."""
        if self.settings.catalog == "recorded" and self.settings.models is None:
            return "random-sd15-small.safetensors"
        return self.catalog.checkpoints[0].file.rpartition("/")[2]

    @property
    def model_name(self) -> str:
        """The model's name: the file without its extension."""
        return self.model_file.rpartition(".")[0]

    @property
    def lora_files(self) -> list[tuple[str, str]]:
        """Name and path of each LoRA."""
        if self.settings.catalog == "recorded":
            return list(RECORDED_LORAS)
        loras: list[Lora] = self.catalog.loras
        return [(lora.name, lora.file) for lora in loras]

    def answer(self, request: Request) -> Answer:
        """Route by method and path; what is missing is an empty 404."""
        if request.method == "OPTIONS":
            origin = {"Access-Control-Allow-Origin": request.header("origin") or "*"}
            return Answer(204, b"", {**CORS, **origin})
        if request.method in ("GET", "HEAD"):
            value = self.listed(request.path)
            if value is not None:
                answer = self.written(value)
                return Answer(200, b"", answer.headers) if request.method == "HEAD" else answer
            if request.path == "/":
                return Answer(200, b"Stable Diffusion Server is running",
                              {"Content-Type": "text/html", **CORS})  # fmt: skip
        elif request.method == "POST" and request.path in GENERATED:
            return self.generate(request)
        return Answer(404, b"", {"Connection": "close", **CORS})

    def written(self, value: Any, status: int = 200) -> Answer:
        """JSON as the program writes it: compact, keys in alphabetical order."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        headers = {"Content-Type": "application/json", **CORS}
        if status >= 400:
            headers["Connection"] = "close"
        else:
            headers["Keep-Alive"] = "timeout=5, max=100"
        return Answer(status, text.encode("utf-8", "surrogatepass"), headers)

    def listed(self, path: str) -> Any:
        """What a GET returns, or None."""
        name = path.removeprefix("/sdapi/v1/")
        if path == "/sdcpp/v1/capabilities":
            return self.lists["capabilities"]
        if path == "/v1/models":
            return {"data": [{"id": "sd-cpp-local", "object": "model", "owned_by": "local"}]}
        if name == path:
            return None
        if name == "loras":
            self.loras_listed = True
            return [{"name": name, "path": file} for name, file in self.lora_files]
        if name == "options":
            return {"samples_format": "png", "sd_model_checkpoint": self.model_name}
        if name == "sd-models":
            return [{
                "title": self.model_name, "model_name": self.model_name,
                "filename": self.model_file, "hash": "8" * 10, "sha256": "8" * 64, "config": None,
            }]  # fmt: skip
        return self.lists.get(name) if name != "capabilities" else None

    def exception(self, kind: str, text: str) -> Answer:
        """An exception of the program."""
        del kind
        return self.written({"error": "server_error", "message": text}, 500)

    def error(self, status: int, detail: str) -> Answer:
        """An error of the server's own making."""
        return self.written({"error": detail}, status)

    def generate(self, request: Request) -> Answer:
        """Check the body, wait for the turn, draw."""
        try:
            requested = self.checked(request.body)
            kind = request.path.rpartition("/")[2]
            return self.made(kind, requested, json.loads(request.body))
        except UnicodeDecodeError:
            return Answer(500, b"", {"Connection": "close", **CORS})
        except Refused as refused:
            return self.written(refused.value, refused.status)

    def checked(self, body: bytes) -> dict[str, Any]:
        """The fields with their defaults; raises Refused."""
        if not body:
            raise Refused(400, {"error": "empty body"})
        try:
            given = json.loads(body.decode())
        except json.JSONDecodeError as problem:
            place = f"line {problem.lineno}, column {problem.colno}"
            text = f"[json.exception.parse_error.101] parse error at {place}: syntax error"
            raise Refused.with_message(text) from problem
        if not isinstance(given, dict):
            text = f"[json.exception.type_error.306] cannot use value() with {json_kind(given)}"
            raise Refused.with_message(text)
        return self.typed(given)

    def typed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Numbers as numbers, texts as texts; raises Refused for anything else."""
        requested: dict[str, Any] = {}
        for name, default in DEFAULTS.items():
            value = given.get(name, default)
            if name in given:
                wanted = json_kind(default) if default is not None else "number"
                if json_kind(value) != wanted:
                    text = (
                        f"[json.exception.type_error.302] type must be {wanted}, "
                        f"but is {json_kind(value)}"
                    )
                    raise Refused.with_message(text)
                if isinstance(default, int) and isinstance(value, float):
                    value = int(value)
            requested[name] = value
        return requested

    def made(self, kind: str, requested: dict[str, Any], given: dict[str, Any]) -> Answer:
        """Everything after the types are right."""
        if not requested["prompt"]:
            raise Refused(400, {"error": "prompt required"})
        prompt, more = self.extra_arguments(requested["prompt"])
        source, mask = self.sources(kind, given)
        width, height = self.size(requested, given, source)
        steps = min(max(more.get("steps", requested["steps"]), 1), 100)
        count = min(max(requested["batch_size"], 1), 8)
        seed = requested["seed"]
        if not 0 <= seed < LARGEST_SEED:
            # From the clock: requests of the same second get the same one.
            seed = hash(int(time.time())) * 48271 % LARGEST_SEED
        strength = requested["denoising_strength"]
        if requested["cfg_scale"] < 0:
            raise Refused(400, {"error": "invalid params"})
        loras = self.used_loras(given)
        hires = self.hires(requested, given)
        job = Job("", kind, prompt, seed, self.model_file, steps)
        with self.queue.turn(job):
            job.sample(steps, self.settings.step_seconds)
            final = self.final_size((width, height), hires)
            sampler, scheduler = self.sampling(given)
            g = {
                "prompt": prompt, "negative": requested["negative_prompt"], "steps": steps,
                "cfg": requested["cfg_scale"], "width": width, "height": height, "sampler": sampler,
                "scheduler": scheduler, "clip_skip": requested["clip_skip"], "hires": hires,
                "strength": float32(min(strength if strength is not None else 0.75, 1.0)),
                "seeds": [seed + number for number in range(count)], "loras": loras,
            }  # fmt: skip
            pictures = [self.drawn(g, number, final, source, mask) for number in range(count)]
        if kind == "img2img":
            g["info_strength"] = g["strength"]
        return self.answered(g, pictures, given)

    def extra_arguments(self, prompt: str) -> tuple[str, dict[str, Any]]:
        """The prompt without ``<sd_cpp_extra_args>``, and the steps they ask for."""
        start, _, rest = prompt.partition("<sd_cpp_extra_args>")
        if not rest:
            return prompt, {}
        inside, _, end = rest.partition("</sd_cpp_extra_args>")
        try:
            extra = json.loads(inside)
        except ValueError as problem:
            raise Refused(400, {"error": "invalid sd_cpp_extra_args"}) from problem
        steps = extra.get("sample_params", {}).get("sample_steps")
        return start + end, {} if steps is None else {"steps": steps}

    def sources(
        self, kind: str, given: Mapping[str, Any]
    ) -> tuple[Image.Image | None, Image.Image | None]:
        """Init image and mask. What is no RGB PNG or JPEG is ignored without a word."""
        texts = given.get("init_images") if kind == "img2img" else None
        if not isinstance(texts, list) or not texts:
            return None, None
        if not isinstance(texts[0], str):
            text = f"type must be string, but is {json_kind(texts[0])}"
            raise Refused.with_message(f"[json.exception.type_error.302] {text}")
        return _opened(texts[0], ("RGB", "RGBA")), _opened(given.get("mask"), None)

    def size(
        self, requested: Mapping[str, Any], given: Mapping[str, Any], source: Image.Image | None
    ) -> tuple[int, int]:
        """Width and height asked for; the source's own when img2img names none."""
        width, height = requested["width"], requested["height"]
        if source is not None and "width" not in given and "height" not in given:
            width, height = source.size
        if abs(width) >= 2**31:
            width = -1
        if width <= 0 or height <= 0:
            raise Refused(400, {"error": "width and height must be positive"})
        if width * height > 16384 * 16384:
            if width < 2**31 - 64:
                raise Refused.with_message("std::bad_alloc")
            shape = f"[{-(2**31)}, {height}, 1, 1]"
            raise Refused.with_message(f"Tensor shape must be non-negative, got shape={shape}")
        if width * height >= 8192 * 8192:
            raise Refused(500, {"error": "generate_image returned no results"})
        return width, height

    def used_loras(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Paths of the LoRAs; raises Refused while nobody has asked for the list."""
        known = {file for _, file in self.lora_files} if self.loras_listed else set()
        used = []
        for item in given.get("lora") or []:
            if not isinstance(item, dict):
                continue
            path = item.get("path")
            if path not in known:
                raise Refused(400, {"error": f"invalid lora path: {path}"})
            weight = float32(item.get("multiplier", 1))
            name = str(path).rpartition("/")[2]
            used.append({"is_high_noise": False, "multiplier": weight, "name": name})
        return used

    def hires(
        self, requested: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The second pass, or None; raises Refused for unknown upscalers and strengths."""
        if not requested["enable_hr"]:
            return None
        name = given.get("hr_upscaler", "Latent")
        if name == "None":
            return None
        strength = requested["denoising_strength"]
        strength = 0.7 if strength is None else strength
        known = {item["name"] for item in self.lists["upscalers"]}
        known |= {item["name"] for item in self.lists["latent-upscale-modes"]}
        if name not in known or not 0 < strength <= 1:
            raise Refused(400, {"error": "invalid params"})
        modelled = name not in {"Lanczos", "Nearest"} and not name.startswith("Latent")
        return {
            "custom_sigmas": [], "denoising_strength": float32(strength), "enabled": True,
            "model": f"{name}.safetensors" if modelled else "",
            "scale": float32(given.get("hr_scale", 2.0)),
            "steps": given.get("hr_steps", 0), "target_height": given.get("hr_resize_y", 0),
            "target_width": given.get("hr_resize_x", 0), "upscale_tile_size": 128, "upscaler": name,
        }  # fmt: skip

    def final_size(self, size: tuple[int, int], hires: Mapping[str, Any] | None) -> tuple[int, int]:
        """Rounded up to multiples of 64, after the second pass if there is one."""
        width, height = size
        if hires:
            width = hires["target_width"] or math.ceil(width * hires["scale"])
            height = hires["target_height"] or math.ceil(height * hires["scale"])
        return math.ceil(width / 64) * 64, math.ceil(height / 64) * 64

    def sampling(self, given: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Sampler and scheduler in the server's spelling; None for default and unknown."""
        known = {item["name"] for item in self.lists["samplers"]} - {"default"}
        name = str(given.get("sampler_name") or "").lower()
        name = SAMPLERS.get(name, name)
        schedulers = {item["name"] for item in self.lists["schedulers"]} - {"default"}
        scheduler = str(given.get("scheduler") or "")
        wanted = SCHEDULERS.get(scheduler, scheduler)
        return (
            name if name in known else None,
            wanted if wanted and wanted in schedulers else None,
        )

    def drawn(
        self, g: Mapping[str, Any], number: int, size: tuple[int, int],
        source: Image.Image | None, mask: Image.Image | None,
    ) -> bytes:  # fmt: skip
        """The file of one image, its parameters raw in a tEXt chunk."""
        wish = " ".join([g["prompt"], *(item["name"] for item in g["loras"])])
        picture = painter.paint(wish, g["seeds"][number], self.model_file, *size)
        if source is not None:
            grey = mask.convert("L").resize(size) if mask is not None else None
            picture = painter.derived(
                source.convert("RGB").resize(size), picture, g["strength"], grey
            )
        if self.settings.png_bytes:
            picture = painter.weighed_down(picture, self.settings.png_bytes, g["seeds"][number])
        return picturefiles.encode(picture, self.infotext(g, number), style="raw")

    def infotext(self, g: Mapping[str, Any], number: int) -> str:
        """One image's parameters: A1111's three parts, and the program's own JSON."""
        parts = [
            f"Steps: {g['steps']}", f"CFG scale: {g['cfg']:.6f}", "Guidance: 3.500000", "Eta: inf",
            f"Seed: {g['seeds'][number]}", f"Size: {g['width']}x{g['height']}",
            f"Model: {self.model_file}", "RNG: cuda",
            "Sampler: " + " ".join(filter(None, [g["sampler"] or "NONE", g["scheduler"]])),
        ]  # fmt: skip
        if g["clip_skip"] != -1:
            parts.append(f"Clip skip: {g['clip_skip']}")
        hires = g["hires"]
        if hires:
            parts += [
                f"Hires upscale: {hires['upscaler']}", f"Hires scale: {hires['scale']:.6f}",
                f"Hires resize: {hires['target_width']}x{hires['target_height']}",
                f"Hires steps: {hires['steps']}",
                f"Denoising strength: {hires['denoising_strength']:.6f}",
            ]  # fmt: skip
        parts.append(f"Version: {self.version}")
        own = json.dumps(
            self.own_parameters(g, number), ensure_ascii=False, separators=(",", ":"),
            sort_keys=True,
        )  # fmt: skip
        negative = f"\nNegative prompt: {g['negative']}" if g["negative"] else ""
        return f"{g['prompt']}{negative}\n{', '.join(parts)}, SDCPP: {own}"

    def own_parameters(self, g: Mapping[str, Any], number: int) -> dict[str, Any]:
        """The JSON behind ``SDCPP:``."""
        guidance = self.lists["capabilities"]["defaults"]["sample_params"]["guidance"]
        slg = guidance["slg"]
        own: dict[str, Any] = {
            "auto_resize_ref_image": True, "clip_skip": g["clip_skip"],
            "control_strength": float32(0.9),
            "generator": {
                "commit": "97d29908", "name": self.version, "version": "master-827-97d2990+",
            },
            "height": g["height"], "increase_ref_index": False, "ip_adapter_strength": 1.0,
            "mode": "img_gen", "models": {"model": self.model_file},
            "prompt": {"negative": g["negative"], "positive": g["prompt"]}, "rng": "cuda",
            "sampling": {
                "custom_sigmas": [], "eta": None, "extra_sample_args": "", "flow_shift": None,
                "guidance": {
                    "distilled_guidance": 3.5, "img_cfg": None, "txt_cfg": float(g["cfg"]),
                    "slg": {"end": slg["layer_end"], "layers": slg["layers"],
                            "scale": slg["scale"], "start": slg["layer_start"]},
                },
                "shifted_timestep": 0, "steps": g["steps"],
            },
            "schema": "sdcpp.image.params/v1", "seed": g["seeds"][number],
            "strength": g["strength"] if "info_strength" in g else 0.75, "width": g["width"],
        }  # fmt: skip
        if g["sampler"]:
            own["sampling"]["method"] = g["sampler"]
        if g["scheduler"]:
            own["sampling"]["scheduler"] = g["scheduler"]
        if g["hires"]:
            own["hires"] = g["hires"]
        if g["loras"]:
            own["loras"] = g["loras"]
        return own

    def answered(
        self, g: Mapping[str, Any], pictures: list[bytes], given: dict[str, Any]
    ) -> Answer:
        """``images``, ``info`` and the whole request repeated as ``parameters``."""
        count = len(pictures)
        info: dict[str, Any] = {
            "all_negative_prompts": [g["negative"]] * count, "all_prompts": [g["prompt"]] * count,
            "all_seeds": g["seeds"], "cfg_scale": float(g["cfg"]), "height": g["height"],
            "infotexts": [self.infotext(g, number) for number in range(count)],
            "prompt": g["prompt"], "sampler_name": g["sampler"] or "NONE",
            "sd_model_name": self.model_file, "seed": g["seeds"][0], "steps": g["steps"],
            "version": self.version, "width": g["width"],
        }  # fmt: skip
        if g["clip_skip"] != -1:
            info["clip_skip"] = g["clip_skip"]
        if g["negative"]:
            info["negative_prompt"] = g["negative"]
        if g["scheduler"]:
            info["extra_generation_params"] = {"Schedule type": g["scheduler"]}
        if "info_strength" in g:
            info["denoising_strength"] = g["info_strength"]
        text = json.dumps(info, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        images = [picturefiles.to_base64(picture) for picture in pictures]
        return self.written({"images": images, "info": text, "parameters": given})


DEFAULTS: dict[str, Any] = {
    "prompt": "", "negative_prompt": "", "width": 512, "height": 512, "steps": 20,
    "cfg_scale": 7.0, "seed": -1, "batch_size": 1, "clip_skip": -1, "denoising_strength": None,
    "enable_hr": False,
}  # fmt: skip
"""Fields whose type the server checks; a null or a text for a number is a 500."""


def _opened(text: Any, modes: tuple[str, ...] | None) -> Image.Image | None:
    """An image the program can read, or None: JPEG and PNG, in the right colours."""
    if not isinstance(text, str):
        return None
    try:
        image = picturefiles.from_base64(text)
    except ValueError:
        return None
    if image.format not in ("PNG", "JPEG") or (modes and image.mode not in modes):
        return None
    return image
