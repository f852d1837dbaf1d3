"""A photo of a product: one strong colour in the middle that can be found again in a video."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]
from PIL import Image, ImageDraw

PRODUCT_RGB = (24, 128, 104)
GROUND_RGB = (238, 224, 206)


def product_photo(path: Path, *, size: tuple[int, int] = (900, 1200)) -> Path:
    """Write a JPEG with a bottle-like block in the middle."""
    width, height = size
    image = Image.new("RGB", size, GROUND_RGB)
    draw = ImageDraw.Draw(image)
    box = (width * 0.25, height * 0.15, width * 0.75, height * 0.9)
    draw.rounded_rectangle(box, 40, fill=PRODUCT_RGB)
    image.save(path, quality=92)
    return path


def complaints_of_decoder(video: Path) -> str:
    """What ffmpeg has to say about a file while it decodes all of it; '' = nothing."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(video), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"code {done.returncode}")


def seconds_of(video: Path) -> float:
    """The length that ffmpeg reads out of the file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(video)]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
    found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", text)
    assert found, text
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def share_of_colour(
    video: Path, rgb: tuple[int, int, int], *, at_s: float, tolerance: int = 24
) -> float:
    """Which share of one frame is of a colour, wherever in the frame it stands."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-ss", str(at_s), "-i", str(video)]
    command += [
        "-frames:v",
        "1",
        "-vf",
        "scale=120:120",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    frame = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    pixels = list(zip(frame[0::3], frame[1::3], frame[2::3], strict=True))
    close = sum(
        1
        for pixel in pixels
        if max(abs(one - other) for one, other in zip(pixel, rgb, strict=True)) <= tolerance
    )
    return close / len(pixels)
