"""stable-diffusion-webui-forge of June 2025: A1111's descendant with ControlNet built in."""

from typing import Any

from devkit.simulator.families.a1111 import A1111
from devkit.simulator.families.base import Body
from devkit.simulator.inventory import ROOT


class Forge(A1111):
    """A1111's API with pydantic 2, its own error shape, modules and lazy loading."""

    name = "forge"
    version = "f2.0.1v1.10.1-previous-669-gdfdcbab6"
    built_in = ("controlnet",)
    hires_needs = ("hr_additional_modules", "hr_cfg", "denoising_strength")

    def start(self) -> None:
        """Load nothing before the first generation asks for it; serve modules instead of VAEs."""
        super().start()
        self.loaded = None
        files = self.inventory
        self._modules = {name: f"{ROOT}/VAE/{name}" for name in files.vaes}
        self._modules |= {name: f"{ROOT}/text_encoder/{name}" for name in files.text_encoders}
        del self.routes["GET", "/sdapi/v1/sd-vae"]
        modules = [{"model_name": name, "filename": path} for name, path in self._modules.items()]
        self.get("/sdapi/v1/sd-modules", modules)

    def override(self, key: str, value: Any) -> None:
        """Set one option; modules are kept as paths, unknown ones are dropped."""
        if key == "forge_additional_modules":
            known = self._modules
            paths = [known.get(item, item) for item in value]
            value = [path for path in paths if path in known.values()]
        super().override(key, value)

    def note_vae(self) -> Body:
        """Return the modules in place of a VAE: ``sd_vae`` has no effect."""
        modules = self.options["forge_additional_modules"]
        return {
            f"Module {number}": path.rpartition("/")[2].rpartition(".")[0]
            for number, path in enumerate(modules, start=1)
        }
