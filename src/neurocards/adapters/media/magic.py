"""What foreign bytes are, by their first ones: enough to refuse the most before any decoding."""

from __future__ import annotations

from neurocards.domain.photos import PHOTO_BYTES_MAX, PhotoFault

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_GIF = (b"GIF87a", b"GIF89a")
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_OTHER_IMAGES = (b"BM", b"II*\x00", b"MM\x00*", b"8BPS", b"\x00\x00\x01\x00", b"\xff\x0a")
_OTHER_BOXED_IMAGES = (b"avif", b"avis", b"crx ")
_JPEG_2000 = b"\x00\x00\x00\x0cjP  "
_JPEG_XL = b"\x00\x00\x00\x0cJXL "


def format_of(photo: bytes) -> str | None:
    """Name the format if it is one that can be used, or an animation of a kind that never can."""
    if photo.startswith(_JPEG):
        return "JPEG"
    if photo.startswith(_PNG):
        return "PNG"
    if photo[:4] == b"RIFF" and photo[8:12] == b"WEBP":
        return "WEBP"
    return "GIF" if photo.startswith(_GIF) else None


def fault_by_header(photo: bytes) -> PhotoFault | None:
    """Tell what the size and the first bytes alone make unusable."""
    if not photo:
        return PhotoFault.EMPTY
    if len(photo) > PHOTO_BYTES_MAX:
        return PhotoFault.TOO_MANY_BYTES
    if format_of(photo) is not None:
        return None
    if photo[4:8] == b"ftyp" and photo[8:12] in _HEIC_BRANDS:
        return PhotoFault.HEIC
    if _is_other_image(photo):
        return PhotoFault.UNSUPPORTED_FORMAT
    return PhotoFault.NOT_AN_IMAGE


def _is_other_image(photo: bytes) -> bool:
    if photo[4:8] == b"ftyp":
        return photo[8:12] in _OTHER_BOXED_IMAGES
    if photo.startswith((*_OTHER_IMAGES, _JPEG_2000, _JPEG_XL)):
        return True
    return b"<svg" in photo[:1024].lower()
