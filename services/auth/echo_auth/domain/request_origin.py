"""Origins of requests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """The client of a request, as reported by the gateway; without values, the platform itself.

    `network` is the unit of limits: the IPv4 address, or the IPv6 /64.
    """

    address: str | None = None
    network: str | None = None
    user_agent: str | None = None
