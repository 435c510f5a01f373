"""Tickets: single-use URL credentials for clients that cannot send an access token."""

import hashlib
import secrets
from datetime import timedelta

from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import TokenVerifier
from echo_common.clock import now
from echo_common.contracts.errors.tickets import TicketInvalidError
from echo_common.contracts.values import Plan, Role
from echo_common.store.port import Index, Store

LIFETIME = 60
"""Lifetime of a ticket in seconds."""


class Tickets:
    """Repository of tickets, stored as hashes. Deleting a ticket redeems it, so only one request can.

    A ticket that was issued for a resource opens this resource alone.
    """

    def __init__(self, store: Store) -> None:
        self._tickets = store.collection("tickets")

    async def prepare(self) -> None:
        """Create the collection; called once at startup."""
        await self._tickets.ensure([Index([("expires_at", 1)], ttl=0)])

    async def issue(self, principal: Principal, resource: str = "") -> str:
        """Issue a ticket with the principal's current scopes, for a resource. Raises `StoreUnavailableError`."""
        ticket = secrets.token_urlsafe(32)
        await self._tickets.insert(
            {
                "_id": _hashed(ticket),
                "user_id": principal.user_id,
                "session_id": principal.session_id,
                "plan": principal.plan.value,
                "role": principal.role.value,
                "scopes": sorted(principal.scopes),
                "token_version": principal.token_version,
                "resource": resource,
                "expires_at": now() + timedelta(seconds=LIFETIME),
            }
        )
        return ticket

    async def erase(self, user_id: str) -> None:
        """Remove all tickets of a user."""
        await self._tickets.delete({"user_id": user_id})

    async def redeem(self, ticket: str, verifier: TokenVerifier, resource: str = "") -> Principal:
        """Redeem a ticket for a resource. Raises `TicketInvalidError`, also if its session has ended, `StoreUnavailableError`."""
        held = await self._tickets.find_one({"_id": _hashed(ticket), "expires_at": {"$gt": now()}})
        if held is None or held.get("resource", "") != resource or not await self._tickets.delete({"_id": held["_id"]}):
            raise TicketInvalidError
        principal = Principal(
            user_id=held["user_id"],
            session_id=held["session_id"],
            plan=Plan(held["plan"]),
            role=Role(held["role"]),
            scopes=frozenset(Scope(scope) for scope in held["scopes"]),
            token_version=held["token_version"],
        )
        if verifier.revoked(principal):
            raise TicketInvalidError
        return principal


def _hashed(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
