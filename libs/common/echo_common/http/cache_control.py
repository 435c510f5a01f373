"""Cache control of responses."""

from fastapi import Response


async def forbid_storing(response: Response) -> None:
    """Forbid storing the response, also for an Idempotency-Key: it carries tokens or other secrets."""
    response.headers["Cache-Control"] = "no-store"
