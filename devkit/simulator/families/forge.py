"""stable-diffusion-webui-forge of June 2025: A1111's descendant with ControlNet built in."""

from __future__ import annotations

from typing import Any, ClassVar

from devkit.simulator.families.a1111 import A1111
from devkit.simulator.families.base import ServerException
from devkit.simulator.families.controlnet import ControlNet
from devkit.simulator.families.generation import Generation
from devkit.simulator.validation import Pydantic2, Rules
from devkit.simulator.wire import Answer, Headers, Request

NO_MODULES = "argument of type 'NoneType' is not iterable"


class Forge(A1111):
    """A1111's API with pydantic 2, its own error shape, modules and lazy loading."""

    name = "forge"
    data_name = "forge"
    version = "f2.0.1v1.10.1-previous-669-gdfdcbab6"
    rules: ClassVar[Rules] = Pydantic2("https://errors.pydantic.dev/2.8/v")
    challenge: ClassVar[Headers] = {"www-authenticate": "Basic"}
    cfg_text = "must be real number, not NoneType"
    empty_sources = (
        "IndexError",
        "Dimension out of range (expected to be in range of [-1, 0], but got 1)",
    )
    wrong_clip_skip = ("ValueError", "invalid literal for int() with base 10: 'abc'")

    def start(self) -> None:
        """Nothing is loaded before the first generation asks for it."""
        super().start()
        self.loaded = None
        self.options["sd_checkpoint_hash"] = ""
        separators = [
            {"name": f"------ {name} ------", "prompt": None, "negative_prompt": None}
            for name in ("Old Automatic1111 Styles", "Fooocus Styles")
        ]
        self.catalog.styles = [*separators[:1], *self.catalog.styles, *separators[1:]]

    def extensions(self) -> list[Any]:
        """ControlNet is always there."""
        others = [item for item in super().extensions() if not isinstance(item, ControlNet)]
        return [ControlNet(self, forge=True), *others]

    def alwayson_names(self) -> set[str]:
        """As A1111, ControlNet included."""
        return super().alwayson_names() | {"controlnet"}

    def add_routes(self) -> None:
        """As A1111 without VAEs, with modules."""
        super().add_routes()
        del self.routes["/sdapi/v1/sd-vae"]
        self.add("GET", "/sdapi/v1/sd-modules", self.sd_modules)

    def sd_modules(self, _request: Request, _body: Any) -> Answer:
        """``GET /sd-modules``: VAEs and text encoders in one list."""
        return Answer.of_json([
            {"model_name": name, "filename": path} for name, path in self.modules().items()
        ])  # fmt: skip

    def modules(self) -> dict[str, str]:
        """Path of each module by its file name."""
        vaes = {name: f"/srv/webui/models/VAE/{name}" for name in self.catalog.vaes}
        texts = {
            name: f"/srv/webui/models/text_encoder/{name}" for name in self.catalog.text_encoders
        }
        return {**vaes, **texts}

    def cmd_flags(self, _request: Request, _body: Any) -> Answer:
        """``GET /cmd-flags``: fails, and shows the flags with the password in doing so."""
        flags = {
            **self.lists["cmd-flags"], "port": 7862, "api_auth": self.settings.auth,
            "webui_is_non_local": True, "disable_extension_access": True,
        }  # fmt: skip
        text = self.validation_text("string_type", "port", "Input should be a valid string", 7862)
        return self.invalid_response(flags, text)

    def get_options(self, _request: Request, _body: Any) -> Answer:
        """``GET /options``; fails once a number has been given a text."""
        value = self.options["CLIP_stop_at_last_layers"]
        if isinstance(value, int | float):
            return Answer.of_json(self.options)
        words = "Input should be a valid number, unable to parse string as a number"
        text = self.validation_text("float_parsing", "CLIP_stop_at_last_layers", words, value)
        return self.invalid_response(self.options, text)

    def validation_text(self, kind: str, name: str, words: str, value: Any) -> str:
        """FastAPI's words for an answer that does not fit its own model."""
        fault = {
            "type": kind, "loc": ("response", name), "msg": words, "input": value,
            "url": f"{self.rules.url}/{kind}",
        }  # fmt: skip
        return f"1 validation errors:\n  {fault}\n"

    def invalid_response(self, body: Any, text: str) -> Answer:
        """The 500 that repeats the whole answer."""
        value = {"error": "ResponseValidationError", "detail": "", "body": body, "message": text}
        return Answer.of_json(value, 500)

    def replay_infotext(self, values: dict[str, Any], given: set[str]) -> None:
        """The ``infotext`` field is broken."""
        del values, given
        text = "isinstance() argument 2 cannot be a parameterized generic"
        raise ServerException("TypeError", text)

    def override(self, key: str, value: Any) -> None:
        """Modules are kept as paths; unknown ones are dropped."""
        if key != "forge_additional_modules":
            super().override(key, value)
            return
        if value is None:
            raise ServerException("TypeError", "'NoneType' object is not iterable")
        known = self.modules()
        paths = [known.get(item, item) for item in value]
        self.options[key] = [path for path in paths if path in known.values()]

    def dropped_override(self, values: dict[str, Any]) -> None:
        """The name of an unknown model disappears from the echo, too."""
        values["override_settings"].pop("sd_model_checkpoint", None)

    def prepare_hires(self, g: Generation) -> None:
        """Needs ``hr_additional_modules`` beside what A1111 needs."""
        if not g.values.get("enable_hr"):
            return
        modules = g.values["hr_additional_modules"]
        self.check_hires_names(g.values)
        if modules is None:
            raise ServerException("TypeError", NO_MODULES)
        if g.values["hr_cfg"] is None:
            raise ServerException("TypeError", self.cfg_text)
        super().prepare_hires(g)
        g.extra = {
            "Denoising strength": g.extra.pop("Denoising strength"),
            "Hires Module 1": modules[0] if modules else "Built-in",
            "Hires prompt": g.extra.pop("Hires prompt"),
            "Hires negative prompt": g.extra.pop("Hires negative prompt"),
            "Hires CFG Scale": g.values["hr_cfg"],
            "Hires Distilled CFG Scale": None,
            **g.extra,
        }

    def embedding_notes(self, g: Generation) -> dict[str, str]:
        """Names only."""
        return {"TI": ", ".join(g.embeddings)}

    def parameters(self, g: Generation, index: int) -> dict[str, Any]:
        """As A1111, with low-bit storage and modules behind the version."""
        line = super().parameters(g, index)
        storage = self.options["forge_unet_storage_dtype"]
        if storage != "Automatic":
            line["Diffusion in Low Bits"] = storage
        for number, path in enumerate(self.options["forge_additional_modules"], start=1):
            line[f"Module {number}"] = path.rpartition("/")[2].rpartition(".")[0]
        return line

    def read_parameters(self, parameters: dict[str, Any]) -> None:
        """What ``/png-info`` returns beside A1111's."""
        parameters.pop("Model", None)
        parameters["Hires VAE/TE"] = ["Use same choices"]

    def no_dictionary(self, body: Any) -> dict[str, Any]:
        """As pydantic 2 words it for a plain dictionary."""
        assert isinstance(self.rules, Pydantic2)
        fault = self.rules.fault("dict_type", "Input should be a valid dictionary", body)
        return {**fault, "loc": ["body"]}

    def exception(self, kind: str, text: str) -> Answer:
        """A Python exception: its text stands in ``message``."""
        value = {"error": kind, "detail": "", "body": "", "message": text}
        return Answer.of_json(value, 500)

    def error(self, status: int, detail: str) -> Answer:
        """An HTTPException: nothing but its detail."""
        headers = self.challenge if status == 401 else None
        return Answer.of_json({"detail": detail}, status, headers=headers)
