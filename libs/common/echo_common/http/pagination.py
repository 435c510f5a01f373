"""Pagination of lists: `limit` and `offset`, or `page` and `page_size`; `sort_by` and `sort_order`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel


class Page(BaseModel):
    """The requested part of a list."""

    limit: int
    offset: int
    sort_by: str
    sort_order: Literal["asc", "desc"]

    @property
    def direction(self) -> Literal[1, -1]:
        """The sort order in the store's form."""
        return 1 if self.sort_order == "asc" else -1

    def meta(self, total: int) -> dict[str, Any]:
        """Return the response's `meta.pagination`."""
        page = self.offset // self.limit + 1
        pages = -(-total // self.limit)
        more = self.offset + self.limit < total
        return {
            "pagination": {
                "total_count": total,
                "limit": self.limit,
                "offset": self.offset,
                "has_more": more,
                "page": page,
                "page_size": self.limit,
                "total_pages": pages,
                "has_next": more,
                "has_prev": self.offset > 0,
            }
        }


def paginated(
    *fields: str, default: str = "created_at", order: Literal["asc", "desc"] = "desc"
) -> Callable[..., Awaitable[Page]]:
    """Return the dependency of a list that can be sorted by `fields`; the schema lists them, other ones are refused."""

    def known(field: str) -> str:
        if field not in fields:
            raise ValueError(f"Enter one of {', '.join(fields)}.")
        return field

    sort_field = Query(description="Field to sort by.", json_schema_extra={"enum": list(fields)})

    async def page_of_request(
        limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of items.")] = 20,
        offset: Annotated[int, Query(ge=0, le=1_000_000, description="Number of items to skip.")] = 0,
        page: Annotated[int | None, Query(ge=1, le=100_000, description="Page number, from 1; instead of `offset`.")] = None,
        page_size: Annotated[int | None, Query(ge=1, le=100, description="Page size; instead of `limit`.")] = None,
        sort_by: Annotated[str, sort_field, AfterValidator(known)] = default,
        sort_order: Annotated[Literal["asc", "desc"], Query(description="Sort order.")] = order,
    ) -> Page:
        size = page_size or limit
        return Page(limit=size, offset=(page - 1) * size if page else offset, sort_by=sort_by, sort_order=sort_order)

    return page_of_request
