"""Networks from which users log in."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, Field

from echo_common.aggregate import Aggregate

_KNOWN: Final = timedelta(days=30)
_MOST: Final = 20


class KnownNetwork(BaseModel):
    """A network from which a user logged in."""

    network: str
    last_login: datetime


class KnownNetworks(Aggregate):
    """The part of a user that holds the networks of successful logins."""

    known_networks: list[KnownNetwork] = Field(default_factory=list)

    def knows(self, network: str | None, at: datetime) -> bool:
        """Return whether the user logged in from this network within the last 30 days."""
        since = at - _KNOWN
        return any(known.network == network and known.last_login > since for known in self.known_networks)

    def remember_network(self, network: str, at: datetime) -> None:
        """Record a login from a network; only the latest 20 are kept."""
        others = [known for known in self.known_networks if known.network != network]
        self.known_networks = [*others, KnownNetwork(network=network, last_login=at)][-_MOST:]
