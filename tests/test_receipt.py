"""Differences from the request are found in info, in the infotext and in the images."""

import json
from typing import Any

import pytest

from sdwebui.answers.info import Info, stem_of
from sdwebui.answers.receipt import Received, differences, require_model
from sdwebui.dialects.plan import HiresFix, LoraUse, Plan, Refiner
from sdwebui.errors import WrongModel
from sdwebui.resources.names import Entry
from sdwebui.resources.readers import checkpoint

REQUESTED = checkpoint(
    {
        "title": "sub/dream.safetensors [1234567890]",
        "model_name": "sub_dream",
        "hash": "1234567890",
        "filename": "/m/sub/dream.safetensors",
    },
    unique=True,
)
UNHASHED = checkpoint(
    {
        "title": "sub/dream.safetensors",
        "model_name": "sub_dream",
        "filename": "/m/sub/dream.safetensors",
    },
    unique=True,
)
FIELDS = "Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x512"


def plan(**changes: Any) -> Plan:
    return Plan(
        **{
            "job": "txt2img",
            "prompt": "a cat",
            "negative_prompt": "",
            "seed": 5,
            "count": 1,
            "width": 512,
            "height": 512,
            "steps": 20,
            "cfg_scale": 7.0,
            **changes,
        }
    )


BODY = {"steps": 20, "cfg_scale": 7.0, "width": 512, "height": 512, "seed": 5}


def reported(fields: str = FIELDS, **info: Any) -> Info:
    info = {
        "all_seeds": [5],
        "infotexts": [f"a cat\n{fields}"],
        "steps": 20,
        "cfg_scale": 7.0,
        "sampler_name": "Euler a",
        "index_of_first_image": 0,
        **info,
    }
    return Info.read({"info": json.dumps(info)})


def found(
    info: Info, requested: Plan | None = None, size: tuple[int, int] = (512, 512), **body: Any
) -> list[str]:
    return list(differences(requested or plan(), {**BODY, **body}, info, [Received(5, *size)]))


def test_what_is_as_requested_draws_no_warning() -> None:
    assert found(reported(), sampler_name="Euler a", scheduler="Karras") == []


@pytest.mark.parametrize(
    "answer", [{}, {"info": ""}, {"info": "oops"}, {"info": "[1]"}, {"info": None}]
)
def test_an_answer_without_info_leaves_open_what_was_done(answer: dict[str, Any]) -> None:
    info = Info.read(answer)
    assert not info.reported
    assert found(info, sampler_name="Euler a", scheduler="Karras") == [
        "The server did not say what it did, so only the images' number and size is known."
    ]
    require_model(REQUESTED, info)


def test_info_may_be_an_object_instead_of_text() -> None:
    info = Info.read({"info": {"sd_model_name": "other", "all_seeds": [5]}})
    assert (info.model, info.seeds) == ("other", (5,))
    with pytest.raises(WrongModel, match="'other'"):
        require_model(UNHASHED, info)


@pytest.mark.parametrize(
    "text",
    [
        '{"steps": NaN, "all_seeds": [NaN, 1e999], "index_of_first_image": 1e999}',
        f'{{"steps": 1{"0" * 400}}}',
        "[" * 5000,
    ],
)
def test_no_info_is_odd_enough_to_fail(text: str) -> None:
    info = Info.read({"info": text})
    assert (info.steps, info.seeds, info.first_image) == (None, (), 0)


def test_a_grid_cannot_stand_before_the_beginning() -> None:
    assert reported(index_of_first_image=-5).first_image == 0


@pytest.mark.parametrize(
    ("info", "body", "warning"),
    [
        (
            reported(sampler_name="DPM++ 2M"),
            {"sampler_name": "Euler a"},
            "The server used the sampler 'DPM++ 2M' instead of 'Euler a'.",
        ),
        (
            reported("Steps: 20, Sampler: NONE", sampler_name="NONE"),
            {"sampler_name": "Euler a"},
            "The server does not say that it used the sampler 'Euler a'.",
        ),
        (
            reported(extra_generation_params={"Schedule type": "Automatic"}),
            {"scheduler": "Karras"},
            "The server used the scheduler 'Automatic' instead of 'Karras'.",
        ),
        (reported(steps=80), {"steps": 120}, "The server used steps 80 instead of 120."),
        (reported(cfg_scale=5.0), {}, "The server used cfg_scale 5 instead of 7."),
        (reported(all_seeds=[9]), {}, "The server used seed 9 instead of 5."),
        (
            reported(restore_faces=False),
            {"restore_faces": True},
            "The server did not restore faces.",
        ),
        (
            reported(f"{FIELDS}, Clip skip: 2"),
            {},
            "Clip skip 2 was in force on the server although nobody asked for it here; set "
            "clip_skip to 1, or reset it in the WebUI.",
        ),
        (
            reported(f"{FIELDS}, VAE: odd.pt"),
            {},
            "The VAE 'odd.pt' was in force on the server although nobody asked for it here; set "
            'vae to "Automatic", or choose another in the WebUI.',
        ),
        (
            reported("Steps: 20, Sampler: Euler a"),
            {"scheduler": "Karras"},
            "The server does not say that it used the scheduler 'Karras'.",
        ),
        (
            reported(f"{FIELDS}, Module 1: sdxl_vae"),
            {},
            "The VAE 'sdxl_vae' was in force on the server although nobody asked for it here; "
            "name another in vae, or choose one in the WebUI.",
        ),
        (
            reported(),
            {"override_settings": {"CLIP_stop_at_last_layers": 2}},
            "The server does not say that it used clip skip 2.",
        ),
    ],
)
def test_each_difference_is_a_sentence(info: Info, body: dict[str, Any], warning: str) -> None:
    assert found(info, **body) == [warning]


def test_a_model_that_is_not_named_is_missed() -> None:
    assert found(reported(), plan(checkpoint=REQUESTED)) == [
        "The server does not say that it used the model 'dream'."
    ]


def test_the_servers_own_choice_of_sampler_is_whatever_it_says() -> None:
    assert found(reported(sampler_name="euler_a"), sampler_name="default") == []


def test_a_lora_is_known_by_its_file_without_the_folder() -> None:
    loras = 'SDCPP: {"loras": [{"name": "water.safetensors", "multiplier": 1.0}]}'
    requested = plan(loras=(LoraUse("water", 1.0, "1", "styles/water.safetensors"),))
    assert found(reported(f"{FIELDS}, {loras}"), requested) == []
    other = plan(loras=(LoraUse("fire", 1.0, "1", "styles/fire.safetensors"),))
    assert found(reported(f"{FIELDS}, {loras}"), other) == [
        "The server does not list the LoRA 'fire' among those it used."
    ]


def test_a_hires_fix_of_extra_is_reckoned_with() -> None:
    assert found(reported(), size=(1024, 1024), enable_hr=True) == []
    assert found(reported(), size=(768, 768), enable_hr=True, hr_scale=1.5) == []
    assert found(reported(), size=(99, 99), enable_hr=True, hr_resize_x=640) == []
    assert found(reported(), size=(512, 512), enable_hr=True, hr_scale=2) == [
        "The server made 512×512 pixels instead of 1024×1024."
    ]


def test_an_alias_of_the_sampler_is_the_sampler() -> None:
    requested = plan(sampler=Entry("DDIM", ("ddim_trailing",)))
    assert found(reported(sampler_name="ddim_trailing"), requested, sampler_name="DDIM") == []


def test_automatic_may_become_anything() -> None:
    info = reported(extra_generation_params={"Schedule type": "Karras"})
    assert found(info, scheduler="Automatic") == []


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        (f'{FIELDS}, Lora hashes: "detail: abc"', False),
        (f'{FIELDS}, Lora hashes: "add_detail: abc"', False),
        (f"{FIELDS}, LoRA networks: detail", False),
        (f"{FIELDS}, Lora hashes: other: abc", True),
        (FIELDS, True),
    ],
)
def test_a_lora_that_was_not_used_is_missed(fields: str, *, missing: bool) -> None:
    requested = plan(loras=(LoraUse("detail", 1.0, "1", "x/detail.safetensors", ("add_detail",)),))
    warning = "The server does not list the LoRA 'detail' among those it used."
    assert found(reported(fields), requested) == ([warning] if missing else [])


def test_koboldcpp_keeps_the_tags_that_it_knew() -> None:
    info = Info.read(
        {
            "info": json.dumps(
                {
                    "infotexts": [
                        "Prompt: a, <lora:detail:0.8> | NegativePrompt: ,  | Steps: 20 | "
                        "CFGScale: 7 | Seed: 5 | Size: 512x512 | Sampler: euler_a| "
                        "Clip skip: -1 | Model: m | Version: KoboldCpp"
                    ]
                }
            )
        }
    )
    uses = (LoraUse("detail", 0.8, "0.8", "detail.safetensors"), LoraUse("other", 1.0, "1"))
    warning = "The server does not list the LoRA 'other' among those it used."
    assert found(info, plan(loras=uses)) == [warning]


def test_the_images_own_size_counts() -> None:
    warning = "The server made 96×64 pixels instead of 100×64."
    assert found(reported(), size=(96, 64), width=100, height=64) == [warning]


def test_a_hires_fix_multiplies_the_size() -> None:
    requested = plan(hires=HiresFix(1.5, "Latent", 0, 0.5))
    sent = {"enable_hr": True, "hr_scale": 1.5}
    assert found(reported(), requested, (768, 768), **sent) == []
    assert found(reported(), requested, (512, 512), **sent) == [
        "The server made 512×512 pixels instead of 768×768."
    ]
    assert found(reported(), requested, (512, 512), **sent, hr_resize_x=512) == []


def test_extensions_that_left_no_trace_are_missed() -> None:
    requested = plan(detailers=({"ad_model": "face.pt"},), refiner=Refiner(REQUESTED, 0.8))
    assert found(reported(), requested) == [
        "The server does not say that it used the face detailer 'face.pt'.",
        "The server does not say that the refiner took over.",
    ]
    traces = f"{FIELDS}, ADetailer model: face.pt, Refiner: dream [1], Refiner switch at: 0.8"
    assert found(reported(traces), requested) == []


@pytest.mark.parametrize(
    "info",
    [
        {"sd_model_name": "dream", "sd_model_hash": "1234567890"},
        {"sd_model_name": "dream.safetensors"},
        {"sd_model_name": "Dream"},
        {"sd_model_name": "anything", "sd_model_hash": "1234567890"},
        {},
    ],
)
def test_the_model_is_recognised(info: dict[str, str]) -> None:
    require_model(REQUESTED, reported(**info))
    require_model(None, reported(sd_model_name="other"))
    with pytest.raises(WrongModel):
        require_model(REQUESTED, reported(sd_model_name="other"))


@pytest.mark.parametrize("requested", [REQUESTED, UNHASHED])
def test_another_model_is_an_error(requested: Any) -> None:
    with pytest.raises(WrongModel, match="with 'other', not with 'dream' as asked"):
        require_model(requested, reported(sd_model_name="other", sd_model_hash="ffffffffff"))


def test_the_model_may_stand_in_the_infotext_only() -> None:
    with pytest.raises(WrongModel, match="with 'other'"):
        require_model(REQUESTED, reported(f"{FIELDS}, Model: other"))


def test_the_infotext_behind_a_grid_is_taken() -> None:
    info = reported(infotexts=["", f"b\n{FIELDS}, Model: dream"], index_of_first_image=1)
    assert info.first_image == 1
    assert info.model == "dream"


@pytest.mark.parametrize(
    ("name", "stem"), [("a.safetensors", "a"), ("v1.5", "v1.5"), ("sub/a.ckpt", "a"), ("", "")]
)
def test_stems(name: str, stem: str) -> None:
    assert stem_of(name) == stem
