"""Clients of webhooks with resolvers of a test."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from echo_common.http.addresses import parse_networks
from echo_feedback.outbound.addresses import AddressPolicy
from echo_feedback.outbound.client import OutboundClient

LOCAL = "127.0.0.1/32"


@dataclass
class FakeResolver:
    """A resolver that gives the next answer to each query; the last one stays."""

    answers: list[Sequence[str]]
    queries: list[str] = field(default_factory=list)

    async def resolve(self, host: str) -> Sequence[str]:
        self.queries.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def client(
    *answers: Sequence[str], networks: str = LOCAL, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[OutboundClient, FakeResolver]]:
    resolver = FakeResolver(list(answers) or [["127.0.0.1"]])
    async with OutboundClient.open(AddressPolicy(parse_networks(networks)), resolver, http=True, tls=tls) as found:
        yield found, resolver
