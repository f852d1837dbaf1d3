"""What each family of models wants to be told, in its own words.

KIE documents defaults that its server does not apply, so every required field is always sent.
Some fields look like numbers and have to be strings; the types here are part of the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from neurocards.domain.orders import AspectRatio, OrderOptions

CREATE_PATH = "/api/v1/jobs/createTask"
DEFAULT_MODEL = "kling-3.0/video"

_InputMaker = Callable[[str, str, OrderOptions], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to order a video from one family of models."""

    title: str
    """What people call the model."""
    make_input: _InputMaker
    """(prompt, address of the image, options) -> the field `input` of createTask."""
    prompt_characters_max: int
    create_path: str = CREATE_PATH

    def input(self, prompt: str, image_url: str, options: OrderOptions) -> dict[str, Any]:
        return self.make_input(prompt[: self.prompt_characters_max], image_url, options)


def _kling(prompt: str, image_url: str, options: OrderOptions) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "image_urls": [image_url],
        "duration": str(options.duration_s),
        "aspect_ratio": options.aspect_ratio.value,
        "mode": "std",
        "sound": False,
        "multi_shots": False,
    }


def _seedance(prompt: str, image_url: str, options: OrderOptions) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "first_frame_url": image_url,
        "resolution": "720p",
        "aspect_ratio": options.aspect_ratio.value,
        "duration": options.duration_s,
        "generate_audio": False,
    }


def _wan(prompt: str, image_url: str, options: OrderOptions) -> dict[str, Any]:
    """Wan has no aspect ratio: its video has the proportions of the first frame."""
    return {
        "prompt": prompt,
        "first_frame_url": image_url,
        "resolution": "720p",
        "duration": options.duration_s,
    }


_SORA_LONGEST_SHORT_S = 10


def _sora(prompt: str, image_url: str, options: OrderOptions) -> dict[str, Any]:
    """Sora knows two lengths and no square: the nearest one that is not shorter, upright."""
    landscape = options.aspect_ratio is AspectRatio.LANDSCAPE
    return {
        "prompt": prompt,
        "image_urls": [image_url],
        "aspect_ratio": "landscape" if landscape else "portrait",
        "n_frames": "10" if options.duration_s <= _SORA_LONGEST_SHORT_S else "15",
        "remove_watermark": True,
    }


def _sora_pro(prompt: str, image_url: str, options: OrderOptions) -> dict[str, Any]:
    return {**_sora(prompt, image_url, options), "size": "standard"}


_KLING = Dialect("Kling 3.0", _kling, prompt_characters_max=5000)
_SEEDANCE = Dialect("Seedance 2", _seedance, prompt_characters_max=20_000)
_WAN = Dialect("Wan 2.7", _wan, prompt_characters_max=5000)
_SORA = Dialect("SORA 2", _sora, prompt_characters_max=5000)
_SORA_PRO = Dialect("SORA 2 Pro", _sora_pro, prompt_characters_max=5000)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        DEFAULT_MODEL: _KLING,
        "bytedance/seedance-2": _SEEDANCE,
        "bytedance/seedance-2-fast": _SEEDANCE,
        "bytedance/seedance-2-mini": _SEEDANCE,
        "wan/2-7-image-to-video": _WAN,
        "sora-2-image-to-video": _SORA,
        "sora-2-pro-image-to-video": _SORA_PRO,
    }
)
"""By the model's name at KIE."""
