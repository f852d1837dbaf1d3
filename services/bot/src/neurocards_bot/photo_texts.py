"""What the bot says about a photo that it cannot use: what is wrong and what to do about it."""

from __future__ import annotations

from aiogram.enums import ContentType

from neurocards.domain.photos import (
    PHOTO_BYTES_MAX,
    PHOTO_PIXELS_MAX,
    PHOTO_SIDE_PIXELS_MIN,
    PhotoFault,
)
from neurocards.translations import Translations, gettext_noop

_MEBIBYTE = 1024 * 1024
_FAULTS = {
    PhotoFault.EMPTY: gettext_noop(
        "The file is empty: 0 bytes have arrived. Please send the photo again."
    ),
    PhotoFault.TOO_MANY_BYTES: gettext_noop(
        "The file is larger than {megabytes} MB. Send the picture as a photo instead of a file, "
        "Telegram will make it smaller."
    ),
    PhotoFault.TOO_MANY_PIXELS: gettext_noop(
        "The picture has more than {megapixels} megapixels. Send it as a photo instead of a file, "
        "Telegram will make it smaller."
    ),
    PhotoFault.TOO_SMALL: gettext_noop(
        "The picture is too small: each side needs at least {side} pixels, and from 700 on the "
        "video looks good. Please send a larger one."
    ),
    PhotoFault.NOT_AN_IMAGE: gettext_noop(
        "This file is not a picture. Send a photo of the product: JPEG, PNG or WEBP."
    ),
    PhotoFault.DAMAGED: gettext_noop(
        "The picture is damaged or did not arrive completely. Please send it again."
    ),
    PhotoFault.HEIC: gettext_noop(
        "This is HEIC, the iPhone's own format, and I cannot read it. Send the picture as a photo "
        "instead of a file, or save it as JPEG."
    ),
    PhotoFault.ANIMATED: gettext_noop(
        "This picture moves. The video needs a still one: send a photo or a screenshot."
    ),
    PhotoFault.UNSUPPORTED_FORMAT: gettext_noop(
        "I cannot read this picture format. Send JPEG, PNG or WEBP."
    ),
}
_VIDEO = gettext_noop(
    "This is a video, and I need one photo of the product: the video will be made of it."
)
_VOICE = gettext_noop(
    "I cannot listen yet. Send one photo of the product; what to say about it you can write."
)
_OTHER_KINDS = {
    ContentType.STICKER: gettext_noop(
        "A nice sticker, but the video needs a photo of the product. Please send one."
    ),
    ContentType.VIDEO: _VIDEO,
    ContentType.VIDEO_NOTE: _VIDEO,
    ContentType.ANIMATION: _FAULTS[PhotoFault.ANIMATED],
    ContentType.VOICE: _VOICE,
    ContentType.AUDIO: _VOICE,
    ContentType.DOCUMENT: _FAULTS[PhotoFault.NOT_AN_IMAGE],
    ContentType.TEXT: gettext_noop(
        "Please send a photo of the product first; then you can describe it in words."
    ),
}
_ANYTHING_ELSE = gettext_noop("I need one photo of the product to make a video. Please send one.")


class PhotoTexts:
    def __init__(self, translations: Translations) -> None:
        self._say = translations

    def fault(self, language: str, fault: PhotoFault) -> str:
        return self._say.text(
            language,
            _FAULTS[fault],
            megabytes=PHOTO_BYTES_MAX // _MEBIBYTE,
            megapixels=PHOTO_PIXELS_MAX // 1_000_000,
            side=PHOTO_SIDE_PIXELS_MIN,
        )

    def photo_needed(self, language: str, content_type: str) -> str:
        """Answer a message that is no photo; `content_type` is Telegram's word for its kind."""
        for kind, message in _OTHER_KINDS.items():
            if kind == content_type:
                return self._say.text(language, message)
        return self._say.text(language, _ANYTHING_ELSE)
