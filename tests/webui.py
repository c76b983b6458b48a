"""Answers of small imaginary WebUIs, one a family, for the client's unit tests."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import responses

URL = "http://gpu.test:7860"

MODELS: list[dict[str, Any]] = [
    {
        "title": "dreamshaper_8.safetensors [879db523c3]",
        "model_name": "dreamshaper_8",
        "hash": "879db523c3",
        "sha256": "879db523c30d3b9017143d56705015e15a2cb5628762c11d086fed9538abd7fd",
        "filename": "/models/dreamshaper_8.safetensors",
    },
    {
        "title": "xl/sd_xl_base_1.0.safetensors",
        "model_name": "xl_sd_xl_base_1.0",
        "hash": None,
        "sha256": None,
        "filename": "/models/xl/sd_xl_base_1.0.safetensors",
    },
]
SAMPLERS = [
    {"name": "DPM++ 2M", "aliases": ["k_dpmpp_2m"], "options": {}},
    {"name": "DPM++ 2M SDE", "aliases": ["k_dpmpp_2m_sde"], "options": {}},
    {"name": "DPM++ 2M SDE Heun", "aliases": ["k_dpmpp_2m_sde_heun"], "options": {}},
    {"name": "Euler", "aliases": ["k_euler"], "options": {}},
    {"name": "Euler a", "aliases": ["k_euler_a"], "options": {}},
]
SCHEDULERS = [
    {"name": "automatic", "label": "Automatic", "aliases": None},
    {"name": "karras", "label": "Karras", "aliases": None},
    {"name": "exponential", "label": "Exponential", "aliases": None},
    {"name": "simple", "label": "Simple", "aliases": None},
    {"name": "sgm_uniform", "label": "SGM Uniform", "aliases": ["SGMUniform"]},
]
LORAS = [
    {"name": "detail", "alias": "add_detail", "path": "/loras/detail.safetensors", "metadata": {}}
]
A1111_LISTS: dict[str, Any] = {
    "/sdapi/v1/sd-models": MODELS,
    "/sdapi/v1/options": {"sd_model_checkpoint": "dreamshaper_8.safetensors [879db523c3]"},
    "/sdapi/v1/samplers": SAMPLERS,
    "/sdapi/v1/schedulers": SCHEDULERS,
    "/sdapi/v1/upscalers": [{"name": "None"}, {"name": "Lanczos"}, {"name": "R-ESRGAN 4x+"}],
    "/sdapi/v1/latent-upscale-modes": [{"name": "Latent"}, {"name": "Latent (nearest)"}],
    "/sdapi/v1/sd-vae": [{"model_name": "vae-ft-mse.safetensors", "filename": "/vae/x"}],
    "/sdapi/v1/loras": LORAS,
    "/sdapi/v1/prompt-styles": [{"name": "cinematic", "prompt": "{prompt}, film"}],
    "/sdapi/v1/embeddings": {"loaded": {"BadHands": {}}, "skipped": {}},
}

ADETAILER: dict[str, Any] = {
    "/adetailer/v1/ad_model": {"ad_model": ["face_yolov8n.pt", "hand_yolov8n.pt"]}
}
CONTROLNET: dict[str, Any] = {
    "/controlnet/model_list": {
        "model_list": [
            "control_v11p_sd15_canny [d14c016b]",
            "diffusers_xl_canny_full [2b69fca4]",
            "control_v11p_sd15_openpose [cab727d4]",
            "control_v11f1p_sd15_depth [cfd03158]",
        ]
    },
    "/controlnet/module_list": {
        "module_list": ["none", "canny", "dw_openpose_full", "depth_midas", "reference_only",
                        "mediapipe_face"]
    },
}  # fmt: skip
"""Further routes, of extensions."""


def openapi(title: str, *routes: str, task: bool = True) -> dict[str, Any]:
    """A small OpenAPI document with these routes."""
    properties: dict[str, Any] = {"prompt": {}, **({"force_task_id": {}} if task else {})}
    return {
        "info": {"title": title},
        "paths": {route: {} for route in routes},
        "components": {"schemas": {"Txt2Img": {"properties": properties}}},
    }


FAMILIES: dict[str, dict[str, Any]] = {
    "a1111": {
        **A1111_LISTS,
        "/openapi.json": openapi("FastAPI", "/sdapi/v1/schedulers", "/internal/progress"),
    },
    "a1111-1.6": {
        **{path: answer for path, answer in A1111_LISTS.items() if "schedulers" not in path},
        "/sdapi/v1/samplers": [
            {"name": "DPM++ 2M Karras", "aliases": ["k_dpmpp_2m_ka"]},
            {"name": "Euler a", "aliases": ["k_euler_a"]},
        ],
        "/openapi.json": openapi("FastAPI", "/internal/progress", task=False),
    },
    "forge": {
        **{path: answer for path, answer in A1111_LISTS.items() if "sd-vae" not in path},
        "/sdapi/v1/sd-modules": [
            {"model_name": "ae.safetensors", "filename": "/vae/ae.safetensors"},
            {"model_name": "clip_l.safetensors", "filename": "/text/clip_l.safetensors"},
        ],
        "/openapi.json": openapi(
            "FastAPI", "/sdapi/v1/sd-modules", "/sdapi/v1/schedulers", "/internal/progress"
        ),
    },
    "sdnext": {
        **{path: answer for path, answer in A1111_LISTS.items() if "schedulers" not in path},
        "/sdapi/v1/upscalers": [{"name": "None"}, {"name": "Latent Nearest"}],
        "/openapi.json": openapi("SD.Next", "/sdapi/v1/version"),
    },
    "sdcpp": {
        "/sdcpp/v1/capabilities": {"current_mode": "img_gen"},
        "/sdapi/v1/sd-models": MODELS[:1],
        "/sdapi/v1/options": {"sd_model_checkpoint": "dreamshaper_8"},
        "/sdapi/v1/samplers": [{"name": "euler_a", "aliases": ["euler_a"]}, {"name": "dpm++2m"}],
        "/sdapi/v1/schedulers": [{"name": "karras", "label": "karras"}],
        "/sdapi/v1/upscalers": [{"name": "None"}, {"name": "Lanczos"}],
        "/sdapi/v1/latent-upscale-modes": [{"name": "Latent"}],
        "/sdapi/v1/loras": [{"name": "detail", "path": "sub/detail.safetensors"}],
    },
    "koboldcpp": {
        "/api/extra/version": {"result": "KoboldCpp", "txt2img": True},
        "/sdapi/v1/sd-models": MODELS[:1],
        "/sdapi/v1/options": {"sd_model_checkpoint": "dreamshaper_8"},
        "/sdapi/v1/samplers": [
            {"name": "DPM++ 2M", "aliases": ["dpm++2m", "dpm++ 2m karras"]},
            {"name": "Euler A", "aliases": ["euler_a"]},
        ],
        "/sdapi/v1/schedulers": [{"name": "karras", "label": "karras"}],
        "/sdapi/v1/upscalers": [],
        "/sdapi/v1/loras": [{"name": "detail", "path": "detail.safetensors"}],
    },
}


@contextmanager
def webui(family: str, **changes: Any) -> Iterator[responses.RequestsMock]:
    """A server of a family; ``changes`` are further routes, None takes one away."""
    routes: Mapping[str, Any] = {**FAMILIES[family], **changes}

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        found = routes.get(request.path_url)
        status = 404 if found is None else 200
        return (
            status,
            {"Content-Type": "application/json"},
            json.dumps({} if found is None else found),
        )

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback(responses.GET, re.compile(f"{re.escape(URL)}/.*"), callback=answer)
        yield mock
