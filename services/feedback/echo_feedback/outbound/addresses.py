"""Addresses to which the service may connect on behalf of users."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from echo_common.http.addresses import Address, Network

_REFUSED: Final[Sequence[Network]] = tuple(
    map(
        ip_network,
        (
            # https://www.iana.org/assignments/iana-ipv4-special-registry
            "0.0.0.0/8",  # this network, unspecified
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared, also the metadata of Alibaba Cloud
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # metadata of Azure, in a public range
            "169.254.0.0/16",  # link-local, also the metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments, also the metadata of Oracle Cloud
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
            # https://www.iana.org/assignments/iana-ipv6-special-registry, within global unicast
            "2001::/23",  # protocol assignments, also Teredo, which contains IPv4 addresses
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which contains IPv4 addresses
            "3fff::/20",  # documentation
        ),
    )
)
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
"""All other IPv6 addresses are refused: ::, ::1, IPv4-mapped and -compatible, NAT64, unique local, link-local, multicast and more."""


class AddressPolicy:
    """The addresses to which the service may connect: public ones, and those of `permitted` networks.

    An address that contains another one (IPv4-mapped, NAT64, 6to4) is permitted only by a network of its own form.
    """

    def __init__(self, permitted: Sequence[Network] = ()) -> None:
        self._permitted = tuple(permitted)

    def permits(self, address: str) -> bool:
        """Return whether a connection to this address is permitted; false for text that is no address, and for one with a zone."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
            return False
        return _within(parsed, self._permitted) or _is_public(parsed)


def _is_public(address: Address) -> bool:
    public_range = isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST
    return public_range and not _within(address, _REFUSED)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
