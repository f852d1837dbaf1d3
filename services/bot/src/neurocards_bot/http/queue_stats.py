"""GET /queue_stats: how much waits, how much is at work, and how many workers there should be."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from neurocards.errors import StoreUnavailableError
from neurocards.ports.clock import Clock
from neurocards.ports.orders import OrderStore

SECONDS_PER_MINUTE = 60
RETRY_AFTER_S = 2


def queue_stats_routes(orders: OrderStore, clock: Clock, *, workers_configured: int) -> APIRouter:
    """`workers_configured`: told as long as the operator has decided nothing."""
    router = APIRouter()

    async def queue_stats() -> Response:
        """Tell the queue's length, the mean age of what waits, and the desired workers."""
        try:
            stats = await orders.queue_stats()
        except StoreUnavailableError:
            return JSONResponse(
                {"status": "unavailable"},
                status_code=503,
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        workers = stats.workers_decided
        queue = {
            "queued": stats.queued,
            "processing": stats.processing,
            "total": stats.queued + stats.processing,
        }
        return JSONResponse(
            {
                "status": "ok",
                "queue": queue,
                "avg_wait_minutes": round(stats.wait_s_mean / SECONDS_PER_MINUTE, 1),
                "workers_configured": workers_configured if workers is None else workers,
                "timestamp": clock.now().timestamp(),
            }
        )

    router.add_api_route("/queue_stats", queue_stats, methods=["GET"], response_model=None)
    return router
