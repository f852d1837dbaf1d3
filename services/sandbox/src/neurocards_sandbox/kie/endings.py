"""How a task ends: with a video, or with one of the service's failures.

Invariant: it always gives an outcome; trouble of our own becomes a failure of the task.
"""

from __future__ import annotations

import json

from neurocards_sandbox.kie.clock import SimulatedClock
from neurocards_sandbox.kie.faults import CATALOGUE, Stage
from neurocards_sandbox.kie.photos import PhotoMissingError, PhotoSource
from neurocards_sandbox.kie.rendering.captions import caption_lines
from neurocards_sandbox.kie.rendering.encoder import RenderError
from neurocards_sandbox.kie.rendering.production import RenderOrder
from neurocards_sandbox.kie.rendering.renderer import Renderer
from neurocards_sandbox.kie.rendering.stills import UnusablePhotoError
from neurocards_sandbox.kie.tasks import Outcome, Task

FOREIGN_BASE = "https://evil.example"


class Endings:
    def __init__(self, renderer: Renderer, photos: PhotoSource, clock: SimulatedClock) -> None:
        self._renderer = renderer
        self._photos = photos
        self._clock = clock

    async def of(self, task: Task) -> Outcome:
        """Render the task's video, or fail as its fault, its photo or the renderer wants."""
        wanted = task.fault(Stage.RENDER)
        if wanted is not None:
            return self._failure(str(CATALOGUE[wanted].code), CATALOGUE[wanted].message)
        try:
            photo = await self._photos.first_photo(task, foreign=not self._renderer.is_canned)
            order = RenderOrder(photo, caption_lines(task.prompt), task.seconds, task.aspect_ratio)
            name = await self._renderer.video(task.task_id, order)
        except PhotoMissingError:
            missing = CATALOGUE["image-fetch"]
            return self._failure(str(missing.code), missing.message)
        except UnusablePhotoError:
            return self._failure("422", "The image format is not supported or the file is broken")
        except (RenderError, OSError):
            return self._failure("500", "Internal server error")
        return Outcome(success=True, completed_ms=self._now_ms(), stored_as=name)

    def _failure(self, code: str, message: str) -> Outcome:
        return Outcome(
            success=False, completed_ms=self._now_ms(), fail_code=code, fail_message=message
        )

    def _now_ms(self) -> int:
        return int(self._clock.real_now() * 1000)


def result_json(task: Task) -> str | None:
    """Give `resultJson` of a task that has succeeded, as its fault wants it."""
    base = task.base_url
    match task.fault(Stage.RESULT):
        case "result-null":
            return None
        case "result-broken":
            return '{"resultUrls":["http'
        case "result-empty":
            return json.dumps({"resultUrls": []})
        case "result-foreign":
            base = FOREIGN_BASE
    return json.dumps({"resultUrls": [f"{base}/results/{task.task_id}/video.mp4"]})
