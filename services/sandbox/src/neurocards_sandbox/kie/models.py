"""The video models and the input that each of them takes.

Invariant: nothing is defaulted. A field that the documentation calls optional with a default is
required here, since the real service does not apply those defaults either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from neurocards_sandbox.kie.envelopes import (
    FIELD_REQUIRED,
    MODEL_NOT_SUPPORTED,
    RefusedError,
)

Input = Mapping[str, Any]
Check = Callable[[str, Any], None]
URL_CHARACTERS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class VideoOrder:
    """What a checked input asks for, in words that all models share."""

    model: str
    prompt: str
    image_urls: tuple[str, ...]
    seconds: int
    aspect_ratio: str
    """`9:16`, `16:9`, `1:1`, another `W:H`, or `photo` for the ratio of the first image."""
    credits: float


@dataclass(frozen=True, slots=True)
class VideoModel:
    """One model: the fields that it needs and takes, and how they become an order."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check]
    seconds: Callable[[Input], int]
    aspect_ratio: Callable[[Input], str]
    credits_per_s: float
    dead: bool = False
    exclusive: tuple[tuple[str, str], ...] = ()
    """Pairs of fields of which only one may be given."""


def checked_order(
    model: Any, model_input: Any, *, dead_models: bool, dead_model_code: int
) -> VideoOrder:
    """Check `model` and `input` of a createTask; RefusedError with the service's code and text."""
    if model is None:
        raise RefusedError(500, FIELD_REQUIRED)
    known = MODELS.get(model) if isinstance(model, str) else None
    if known is None:
        raise RefusedError(422, MODEL_NOT_SUPPORTED)
    if known.dead and dead_models:
        raise RefusedError(dead_model_code, MODEL_NOT_SUPPORTED)
    if not isinstance(model_input, dict):
        raise RefusedError(500, FIELD_REQUIRED)
    _check_fields(known, model_input)
    seconds = known.seconds(model_input)
    return VideoOrder(
        model=model,
        prompt=_whole_prompt(model_input),
        image_urls=_image_urls(model_input),
        seconds=seconds,
        aspect_ratio=known.aspect_ratio(model_input),
        credits=round(known.credits_per_s * seconds, 2),
    )


def _check_fields(model: VideoModel, model_input: Input) -> None:
    for name, check in model.required.items():
        value = model_input.get(name)
        if value in (None, "", []):
            text = f"{name} is required" if name == "aspect_ratio" else FIELD_REQUIRED
            raise RefusedError(500, text)
        check(name, value)
    for name, check in model.optional.items():
        if model_input.get(name) is not None:
            check(name, model_input[name])
    for one, other in model.exclusive:
        if model_input.get(one) and model_input.get(other):
            raise RefusedError(422, f"{one} and {other} cannot be used together")


def _whole_prompt(model_input: Input) -> str:
    parts = [model_input["prompt"]]
    parts += [str(shot.get("prompt", "")) for shot in model_input.get("multi_prompt") or ()]
    return "\n\n".join(part for part in parts if part)


def _image_urls(model_input: Input) -> tuple[str, ...]:
    names = ("first_frame_url", "last_frame_url")
    single = [model_input[name] for name in names if model_input.get(name)]
    listed = model_input.get("image_urls") or model_input.get("reference_image_urls") or []
    return (*single, *listed)


def _text(minimum: int, maximum: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str):
            raise RefusedError(422, f"{name} must be a string")
        if len(value) < minimum:
            raise RefusedError(422, f"{name} must be at least {minimum} characters")
        if len(value) > maximum:
            raise RefusedError(422, f"{name} exceeds the maximum length of {maximum} characters")

    return check


def _one_of(*options: str) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str):
            raise RefusedError(422, f"{name} must be a string")
        if value not in options:
            raise RefusedError(422, f"{name} is not within the range of allowed options")

    return check


def _integer(minimum: int, maximum: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise RefusedError(422, f"{name} must be an integer")
        if not minimum <= value <= maximum:
            raise RefusedError(422, f"{name} is not within the range of allowed options")

    return check


def _boolean(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise RefusedError(422, f"{name} must be a boolean")


def _url(name: str, value: Any) -> None:
    usable = isinstance(value, str) and len(value) <= URL_CHARACTERS_MAX
    parts = urlsplit(value) if usable else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RefusedError(422, f"{name} must be a valid URL")


def _urls(minimum: int, maximum: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, list):
            raise RefusedError(422, f"{name} must be an array")
        if not minimum <= len(value) <= maximum:
            raise RefusedError(422, f"{name} must contain {minimum} to {maximum} items")
        for url in value:
            _url(name, url)

    return check


def _shots(name: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(shot, dict) for shot in value):
        raise RefusedError(422, f"{name} must be an array of objects")


def _texts(name: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RefusedError(422, f"{name} must be an array of strings")


_ANY_RATIO = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive")

_KLING = VideoModel(
    required={
        "prompt": _text(1, 5_000),
        "duration": _one_of(*(str(seconds) for seconds in range(3, 16))),
        "aspect_ratio": _one_of("16:9", "9:16", "1:1"),
        "mode": _one_of("std", "pro"),
        "sound": _boolean,
    },
    optional={"image_urls": _urls(0, 2), "multi_shots": _boolean, "multi_prompt": _shots},
    seconds=lambda i: int(i["duration"]),
    aspect_ratio=lambda i: str(i["aspect_ratio"]),
    credits_per_s=20.0,
)


def _seedance(credits_per_s: float) -> VideoModel:
    return VideoModel(
        required={
            "prompt": _text(3, 20_000),
            "resolution": _one_of("480p", "720p"),
            "aspect_ratio": _one_of(*_ANY_RATIO),
            "duration": _integer(4, 15),
        },
        optional={
            "first_frame_url": _url,
            "last_frame_url": _url,
            "reference_image_urls": _urls(0, 9),
            "generate_audio": _boolean,
            "nsfw_checker": _boolean,
        },
        seconds=lambda i: int(i["duration"]),
        aspect_ratio=lambda i: str(i["aspect_ratio"]).replace("adaptive", "photo"),
        credits_per_s=credits_per_s,
        exclusive=(
            ("first_frame_url", "reference_image_urls"),
            ("last_frame_url", "reference_image_urls"),
        ),
    )


_WAN = VideoModel(
    required={
        "prompt": _text(1, 5_000),
        "first_frame_url": _url,
        "resolution": _one_of("720p", "1080p"),
        "duration": _integer(2, 15),
    },
    optional={"negative_prompt": _text(0, 500), "seed": _integer(0, 2_147_483_647)},
    seconds=lambda i: int(i["duration"]),
    aspect_ratio=lambda _: "photo",
    credits_per_s=16.0,
)


def _sora(credits_per_s: float, sizes: tuple[str, ...] = ()) -> VideoModel:
    required: dict[str, Check] = {
        "prompt": _text(1, 10_000),
        "image_urls": _urls(1, 1),
        "aspect_ratio": _one_of("portrait", "landscape"),
        "n_frames": _one_of("10", "15"),
    }
    if sizes:
        required["size"] = _one_of(*sizes)
    return VideoModel(
        required=required,
        optional={
            "remove_watermark": _boolean,
            "upload_method": _one_of("s3", "oss"),
            "character_id_list": _texts,
        },
        seconds=lambda i: int(i["n_frames"]),
        aspect_ratio=lambda i: "9:16" if i["aspect_ratio"] == "portrait" else "16:9",
        credits_per_s=credits_per_s,
        dead=True,
    )


MODELS: Mapping[str, VideoModel] = {
    "kling-3.0/video": _KLING,
    "bytedance/seedance-2": _seedance(25.0),
    "bytedance/seedance-2-fast": _seedance(15.0),
    "bytedance/seedance-2-mini": _seedance(10.0),
    "wan/2-7-image-to-video": _WAN,
    "sora-2-image-to-video": _sora(3.0),
    "sora-2-image-to-video-stable": _sora(3.5),
    "sora-2-pro-image-to-video": _sora(15.0, ("standard", "high")),
}


def shows_progress(model: str) -> bool:
    """Only the sora-2 family tells how far a task is."""
    return model.startswith("sora-2")


def check_callback_url(body: Mapping[str, Any]) -> None:
    for name in ("callBackUrl", "progressCallBackUrl"):
        if body.get(name):
            _url(name, body[name])
