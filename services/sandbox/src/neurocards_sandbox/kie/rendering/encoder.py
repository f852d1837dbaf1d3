"""Runs ffmpeg: still layers in, an H.264 mp4 with a moving camera out.

The camera is the `perspective` filter, which samples between pixels; `zoompan` and `crop` move
by whole pixels and tremble in a slow move. Invariant: the video has exactly
`seconds * frames_per_s` frames, the index before the data, and ffmpeg ends in a bounded time.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]

FADE_S = 0.35
STDERR_BYTES_MAX = 4_000


class RenderError(RuntimeError):
    """ffmpeg failed or took too long; the message carries the end of what it said."""


@dataclass(frozen=True, slots=True)
class Camera:
    """The visible share of a layer at the start and at the end, and the point it heads for."""

    start: float
    end: float
    towards_x: float = 0.5
    towards_y: float = 0.5


@dataclass(frozen=True, slots=True)
class Layer:
    """A still of the frame's size that the camera moves over."""

    path: Path
    camera: Camera


@dataclass(frozen=True, slots=True)
class Overlay:
    """A still that does not move; `start_s` and `end_s` None means the whole video."""

    path: Path
    x: int
    y: int
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Film:
    layers: tuple[Layer, ...]
    overlays: tuple[Overlay, ...]
    seconds: int
    frames_per_s: int
    audio: bool


async def encode(film: Film, target: Path, timeout_s: float) -> None:
    """Write the mp4; RenderError when ffmpeg refuses or needs longer than `timeout_s`."""
    process = await asyncio.create_subprocess_exec(
        *arguments(film, target),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_s):
            _, said = await process.communicate()
    except TimeoutError:
        raise RenderError(f"ffmpeg took more than {timeout_s} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RenderError(said[-STDERR_BYTES_MAX:].decode(errors="replace"))


def arguments(film: Film, target: Path) -> list[str]:
    stills = [layer.path for layer in film.layers] + [o.path for o in film.overlays]
    rate = str(film.frames_per_s)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y"]
    command += ["-filter_threads", "1", "-filter_complex_threads", "1"]
    for still in stills:
        command += ["-framerate", rate, "-i", str(still)]
    sound = ["-map", f"{len(stills)}:a", "-c:a", "aac", "-b:a", "32k"] if film.audio else []
    if film.audio:
        command += ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo"]
    command += ["-filter_complex", _graph(film), "-map", "[video]", *sound]
    command += ["-frames:v", str(film.seconds * film.frames_per_s), "-t", str(film.seconds)]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-threads", "1"]
    command += ["-pix_fmt", "yuv420p", "-r", rate, "-fflags", "+bitexact"]
    command += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    command += ["-movflags", "+faststart", "-f", "mp4", str(target)]
    return command


def _graph(film: Film) -> str:
    chains: list[str] = []
    base = ""
    for number, layer in enumerate(film.layers):
        alpha = number > 0
        chains.append(f"[{number}]{_still(film, alpha=alpha)},{_moved(layer, film)}[layer{number}]")
        if alpha:
            chains.append(f"[{base}][layer{number}]overlay=0:0[stack{number}]")
        base = f"stack{number}" if alpha else f"layer{number}"
    for number, overlay in enumerate(film.overlays):
        source = len(film.layers) + number
        still = f"[{source}]{_still(film, alpha=True)}{_faded(overlay, film)}"
        chains.append(f"{still}[overlay{number}]")
        placed = f"overlay={overlay.x}:{overlay.y}{_shown(overlay)}"
        chains.append(f"[{base}][overlay{number}]{placed}[shown{number}]")
        base = f"shown{number}"
    chains.append(f"[{base}]format=yuv420p[video]")
    return ";".join(chains)


def _still(film: Film, *, alpha: bool) -> str:
    """Decode a still once and repeat it, in the colours of video."""
    pixels = "yuva420p" if alpha else "yuv420p"
    colours = f"scale=out_color_matrix=bt709:out_range=tv,format={pixels}"
    return f"{colours},loop=loop=-1:size=1:start=0,setpts=N/{film.frames_per_s}/TB"


def _moved(layer: Layer, film: Film) -> str:
    last = max(1, film.seconds * film.frames_per_s - 1)
    camera = layer.camera
    eased = f"(0.5-0.5*cos(PI*min(on,{last})/{last}))"
    share = f"({camera.start}+({camera.end - camera.start:.6f})*{eased})"
    left = f"W*(1-{share})*{camera.towards_x}"
    top = f"H*(1-{share})*{camera.towards_y}"
    right, bottom = f"{left}+W*{share}", f"{top}+H*{share}"
    corners = f"x0='{left}':y0='{top}':x1='{right}':y1='{top}'"
    corners += f":x2='{left}':y2='{bottom}':x3='{right}':y3='{bottom}'"
    return f"perspective={corners}:interpolation=cubic:sense=source:eval=frame"


def _faded(overlay: Overlay, film: Film) -> str:
    if overlay.start_s is None or overlay.end_s is None:
        return ""
    fade_in = f",fade=in:st={overlay.start_s:.3f}:d={FADE_S}:alpha=1"
    if overlay.end_s >= film.seconds:
        return fade_in
    out = max(overlay.start_s, overlay.end_s - FADE_S)
    return f"{fade_in},fade=out:st={out:.3f}:d={FADE_S}:alpha=1"


def _shown(overlay: Overlay) -> str:
    if overlay.start_s is None or overlay.end_s is None:
        return ""
    return f":enable='between(t,{overlay.start_s:.3f},{overlay.end_s:.3f})'"
