"""What a photo process can be asked for; apart, so that asking does not import the decoder."""

from enum import StrEnum


class PhotoTask(StrEnum):
    CLEAN = "clean"
    INSPECT = "inspect"
