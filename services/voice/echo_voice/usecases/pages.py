"""Pages of a user's items."""

from collections.abc import Mapping
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.http.pagination import Page
from echo_common.outbox.repository import A, Repository

ORDERS = ("created_at", "updated_at", "name")
"""Fields by which samples and voice models can be sorted."""


async def load_page(
    repository: Repository[A], principal: Principal, page: Page, filters: Mapping[str, str | None]
) -> tuple[list[A], int]:
    """Return a page of the user's items, newest first by default, and their total number."""
    where: dict[str, Any] = {"user_id": principal.user_id}
    where.update({field: value for field, value in filters.items() if value is not None})
    found = repository.find(
        where, sort=[(page.sort_by, page.direction), ("_id", page.direction)], skip=page.offset, limit=page.limit
    )
    return [item async for item in found], await repository.count(where)
