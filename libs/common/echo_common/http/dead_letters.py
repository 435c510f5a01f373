"""A service's dead letters, for administrators; the gateway requests them from each service."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from echo_common.auth.dependencies import Administrator
from echo_common.bus.delivery import Delivery
from echo_common.bus.port import DeadLetter
from echo_common.contracts.http.admin import DeadLetterView
from echo_common.http.envelope import Success, ok

PATH = "/internal/dead-letters"
LONGEST_LIST = 100


async def _delivery(request: Request) -> Delivery:
    found: Delivery = request.app.state.delivery
    return found


Deliveries = Annotated[Delivery, Depends(_delivery)]
router = APIRouter(prefix=PATH)


@router.get("")
async def list_dead_letters(
    _: Administrator,
    delivery: Deliveries,
    topic: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_LIST)] = 20,
) -> Success[list[DeadLetterView]]:
    """List dead letters, newest first."""
    return ok([_view(dead_letter) for dead_letter in await delivery.dead_letters.list(topic=topic, limit=limit)])


@router.get("/{letter_id}")
async def get_dead_letter(letter_id: str, _: Administrator, delivery: Deliveries) -> Success[DeadLetterView]:
    """Get a dead letter with its message."""
    dead_letter = await delivery.dead_letters.get(letter_id)
    whole = {"body": _content(dead_letter.message.body), "headers": dict(dead_letter.message.headers)}
    return ok(_view(dead_letter).model_copy(update=whole))


@router.post("/{letter_id}/replay")
async def replay_dead_letter(letter_id: str, _: Administrator, delivery: Deliveries) -> Success[None]:
    """Deliver a dead letter again; it is removed once its handler succeeds."""
    await delivery.replay(letter_id)
    return ok(None, message="The dead letter has been delivered.")


def _view(dead_letter: DeadLetter) -> DeadLetterView:
    return DeadLetterView(
        id=dead_letter.id,
        service=dead_letter.service,
        topic=dead_letter.topic,
        event_version=dead_letter.message.version,
        error=dead_letter.error,
        attempts=dead_letter.attempts,
        died_at=dead_letter.died_at,
    )


def _content(body: bytes) -> Any:
    """Return a message as JSON, or as text when it is not valid JSON."""
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
