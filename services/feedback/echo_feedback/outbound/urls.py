"""URLs that users enter for requests of the service."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urlsplit

LONGEST_URL: Final = 2_048

_CHARACTERS: Final = re.compile(r"[!-\[\]-~]+")
"""Printable ASCII characters without space and backslash."""
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME: Final = 253


class UrlError(ValueError):
    """A URL that is not accepted; the message says why, for its user."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL: its text, and its host as a name or an address without brackets."""

    url: str
    host: str
    port: int
    is_address: bool


def parse_url(url: str, *, http: bool) -> Target:
    """Return the target of a URL.

    Names that resolvers could read as numbers are refused: `2130706433`, `0x7f.1` and `0177.0.0.1` are 127.0.0.1.

    Args:
        url: The URL as entered.
        http: Permit the scheme http.

    Raises:
        UrlError: The URL is not accepted.
    """
    if len(url) > LONGEST_URL:
        raise UrlError(f"Enter a URL of at most {LONGEST_URL} characters.")
    if not _CHARACTERS.fullmatch(url):
        raise UrlError(
            "Enter a URL of ASCII characters without spaces and backslashes; write other characters percent-encoded."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlError("Enter a valid URL, such as https://example.com/hooks.") from None
    if parts.scheme not in ({"https", "http"} if http else {"https"}):
        raise UrlError("Enter a URL that starts with https://.")
    if "@" in parts.netloc:
        raise UrlError("Enter a URL without user name and password; requests are signed instead.")
    if "#" in url:
        raise UrlError("Enter a URL without a fragment.")
    if port == 0:
        raise UrlError("Enter a port between 1 and 65535.")
    host = parts.hostname or ""
    is_address = _check_host(host, bracketed="[" in parts.netloc)
    return Target(url, host, port or {"https": 443, "http": 80}[parts.scheme], is_address)


def _check_host(host: str, *, bracketed: bool) -> bool:
    """Return whether the host is an address. Raises `UrlError` unless it is an address or a name."""
    if bracketed:
        if "%" in host:
            raise UrlError("Enter an address without a zone.")
        try:
            IPv6Address(host)
        except AddressValueError:
            raise UrlError("Enter a valid IPv6 address in brackets.") from None
        return True
    if host.endswith("."):
        raise UrlError("Enter the host without a final dot.")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host)) == host
        except AddressValueError:
            raise UrlError("Enter an IPv4 address as four decimal numbers.") from None
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise UrlError("Enter a valid host name; write one with other characters in its xn-- form.")
    return False
