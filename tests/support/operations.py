"""The operations of the public OpenAPI document, as rows of the authorisation matrix."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.owned_data import OwnedData
from tests.support.person import Person

DOCUMENT: Mapping[str, Any] = json.loads((Path(__file__).parents[2] / "docs/api/openapi.json").read_text())

PUBLIC_IDS = {
    "name": "Ada",
    "service": "synthesis",
    "letter_id": "evt_none",
    "erasure_id": "era_none",
    "segment": "0",
    "revision": "1",
}
"""Ids of collections and resources that belong to the platform, not to a user, and numbers within a resource."""

SCOPES_BY_TYPE = {"follow_job": "speech:read"}
"""Scopes of operations whose scope depends on the type of the resource, for the owner's resource."""

ENDS_RESOURCES = {"delete_voices", "request_export", "revoke_consent"}  # a new export replaces the last one
_ORDER = ["GET", "HEAD", "PATCH", "PUT", "POST", "DELETE"]


@dataclass(frozen=True)
class Operation:
    """A row of the matrix."""

    name: str
    method: str
    path: str
    scope: str | None
    protected: bool
    optional: bool

    @property
    def parameters(self) -> list[str]:
        """Names of the path parameters."""
        return [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]

    @property
    def for_administrators(self) -> bool:
        """True if only administrators are permitted."""
        return self.scope == "admin" or self.path == "/readyz"

    @property
    def names_a_resource(self) -> bool:
        """True if the path names a resource of a user."""
        return any(name not in PUBLIC_IDS for name in self.parameters)

    async def call(self, person: Person, owned: OwnedData) -> httpx.Response:
        """Send a valid request for the owner's resources and return the whole response."""
        path = self.path
        for name in self.parameters:
            path = path.replace(f"{{{name}}}", {**PUBLIC_IDS, **owned.ids}[name])
        url = str(person.http.base_url).removesuffix("/api/v1/") + path
        async with person.http.stream(self.method, url, **owned.request(self.name)) as response:
            await response.aread()
            return response


def _operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            name, security = operation["operationId"], operation.get("security")
            yield Operation(
                name,
                method.upper(),
                path,
                operation.get("x-scope") or SCOPES_BY_TYPE.get(name),
                protected=bool(security) and {} not in security,
                optional=bool(security) and {} in security,
            )


OPERATIONS = sorted(_operations(), key=lambda row: (row.name in ENDS_RESOURCES, _ORDER.index(row.method), row.path))
"""All operations; those that end resources come last."""
