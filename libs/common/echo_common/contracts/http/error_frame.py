"""The error frame of WebSocket endpoints."""

from typing import Any, Literal

from pydantic import BaseModel


class ErrorFrame(BaseModel):
    """An error: the last frame of a connection that was refused or failed. `status` is that of the same error over HTTP."""

    type: Literal["error"] = "error"
    code: str
    message: str
    request_id: str
    status: int = 500
    details: Any = None
    retry_after: int | None = None
