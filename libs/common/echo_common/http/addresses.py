"""Addresses of clients: read from the connection, or from the header of a trusted proxy."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = "local"
"""The address of a client on a Unix socket."""

_HEADER = b"x-forwarded-for"
_MOST_HOPS = 32
_MOST_CHARACTERS = 64

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse_networks(value: str) -> tuple[Network, ...]:
    """Return the addresses and networks of a comma-separated list. Raises `ValueError`."""
    return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())


def parse_address(text: str) -> Address | None:
    """Return the address of one entry of `X-Forwarded-For`, or None when it is not valid.

    An entry is `IPv4`, `IPv4:port`, `IPv6`, `[IPv6]` or `[IPv6]:port`. An IPv4 address mapped into IPv6 counts as IPv4.
    """
    text = text.strip(" \t")
    if not text.isascii() or "%" in text or len(text) > _MOST_CHARACTERS:
        return None
    host, bracketed = text, text.startswith("[")
    if bracketed:
        host, closing, rest = text[1:].partition("]")
        valid = bool(closing) and (not rest or _is_port(rest.removeprefix(":") if rest.startswith(":") else ""))
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        valid = _is_port(port)
    else:
        valid = True
    try:
        address = ip_address(host) if valid else None
    except ValueError:
        return None
    if isinstance(address, IPv4Address) and bracketed:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Iterable[Network]) -> str:
    """Return the address of the client behind a connection from `peer` (None: a Unix socket).

    `forwarded_for` are the values of the `X-Forwarded-For` headers in their order. They count only when `peer` is trusted:
    the client is then the rightmost address that is not trusted, or the leftmost when all are. A header that is not valid
    counts as none.
    """
    networks = tuple(trusted)
    own = LOCAL if peer is None else peer
    nearest = None if peer is None else parse_address(peer)
    if nearest is None or not _within(nearest, networks):
        return own
    found = own
    for entry in reversed(",".join(forwarded_for).split(",")[-_MOST_HOPS:] if forwarded_for else []):
        address = parse_address(entry)
        if address is None:
            return own
        found = str(address)
        if not _within(address, networks):
            break
    return found


def address_from_gateway(peer: str | None, forwarded_for: Sequence[str]) -> str:
    """Return the client's address inside a service, where every request comes from the gateway.

    The gateway removes what clients send and writes one entry itself; see `client_address` for a header that is not valid.
    """
    own = LOCAL if peer is None else peer
    address = parse_address(forwarded_for[-1].rpartition(",")[2]) if forwarded_for else None
    return own if address is None else str(address)


def address_of(scope: Scope) -> str:
    """Return the address of a request's client."""
    return scope["client"][0] if scope.get("client") else LOCAL


def network_of(address: str) -> str:
    """Return the unit of rate limits: an IPv4 address, or an IPv6 /64 (one customer has all of it)."""
    parsed = parse_address(address)
    return parsed.exploded[:19] if isinstance(parsed, IPv6Address) else address


class ClientAddress:
    """ASGI middleware that sets the scope's `client` to the client behind trusted proxies."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the address, then call the app."""
        if scope["type"] in {"http", "websocket"} and self._trusted and (client := scope.get("client")):
            values = [value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER]
            if values:
                scope["client"] = (client_address(client[0], values, self._trusted), 0)
        await self._app(scope, receive, send)


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Return whether an address belongs to one of the networks."""
    parsed = parse_address(address) if networks else None
    return parsed is not None and _within(parsed, networks)


def _is_port(text: str) -> bool:
    return text.isdigit() and len(text) <= 5 and int(text) <= 65535


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
