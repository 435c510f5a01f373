"""HTTP client for URLs that users choose. It connects only to addresses that a policy permits."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from echo_common.contracts.http.webhooks import DeliveryError
from echo_common.http.client import open_session
from echo_feedback.outbound.addresses import AddressPolicy
from echo_feedback.outbound.connector import BoundedConnector
from echo_feedback.outbound.resolver import Resolver
from echo_feedback.outbound.urls import Target, UrlError, parse_url
from echo_feedback.outbound.user_queries import UserQueries

EXCERPT_BYTES: Final = 500
"""Bytes of a response that are read; the connection is then closed."""

_REFUSED_ADDRESS: Final = "Enter a URL with a public address; the operator of the platform has not permitted this one."
_REFUSED_NAME: Final = (
    "Enter a URL whose host resolves to public addresses alone, or try again later; only the operator of the platform permits "
    "other addresses."
)
"""The text for every reason: users must not learn which names the network of the platform knows. The log has the reason."""

_HEADERS: Final = {"User-Agent": "Echo-Webhooks/1", "Accept-Encoding": "identity"}
_AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]

_log = structlog.get_logger("echo.webhooks")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with its result: the status and the start of the body, or the error. There is no excerpt of an encoded body."""

    seconds: float
    status: int | None = None
    excerpt: str | None = None
    error: DeliveryError | None = None

    @property
    def succeeded(self) -> bool:
        """True for a response with a status of 2xx."""
        return self.error is None


class _NameRefusedError(Exception):
    """A name has an address to which the policy permits no connection."""


class OutboundClient:
    """A client that resolves a host at each request, checks all its addresses and connects to one of those it has checked.

    A connection serves one request, so that no later request skips the check. The name remains that of the `Host` header, of
    TLS (SNI) and of the certificate. Redirects, proxies of the environment, cookies and compressed responses are not supported.
    """

    def __init__(self, session: aiohttp.ClientSession, policy: AddressPolicy, *, http: bool) -> None:
        self._session = session
        self._policy = policy
        self._http = http

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        policy: AddressPolicy,
        resolver: Resolver,
        *,
        http: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> AsyncIterator["OutboundClient"]:
        """Open a client while the context lasts.

        Args:
            policy: The addresses to which it connects.
            resolver: The source of addresses.
            http: Permit requests without TLS.
            tls: Trusted authorities; those of the system unless given.
        """

        def create_socket(info: _AddressInfo) -> socket.socket:
            family, kind, protocol, _, address = info
            if not policy.permits(address[0]):  # a bug: it is checked before
                raise PermissionError(f"no connection to {address[0]} is permitted")
            return socket.socket(family, kind, protocol)

        connector = BoundedConnector(
            resolver=_CheckingResolver(policy, resolver),
            use_dns_cache=False,
            force_close=True,
            limit=0,
            ssl=tls or True,
            socket_factory=create_socket,
        )
        async with open_session(connector) as session:
            yield cls(session, policy, http=http)

    def parse(self, url: str) -> Target:
        """Return the target of a URL. Raises `UrlError`."""
        return parse_url(url, http=self._http)

    async def require_permitted(self, target: Target, queries: UserQueries, user_id: str, *, seconds: float) -> None:
        """Raise `UrlError` unless the target has permitted addresses alone; a name has to be resolved within `seconds`.

        Raises `RateLimitedError` after too many queries of the user.
        """
        if target.is_address:
            if not self._policy.permits(target.host):
                raise UrlError(_REFUSED_ADDRESS)
            return
        addresses: Sequence[str] = ()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                addresses = await queries.resolve(target.host, user_id)
        if not addresses:
            _log.info("webhook_name_not_resolved", host=target.host)
        if not addresses or not _permits(self._policy, target.host, addresses):
            raise UrlError(_REFUSED_NAME)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Exchange:
        """Send a POST request; return its result within `seconds`. Raises nothing: errors are part of the result."""
        started = time.monotonic()
        status, excerpt, error = None, None, None
        try:
            status, excerpt = await self._post(url, body, headers, seconds)
        except UrlError:
            error = DeliveryError.ADDRESS_REFUSED
        except _NameRefusedError:
            error = DeliveryError.NAME_NOT_RESOLVED  # as for an unknown name: see _REFUSED_NAME
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = _classify(failure)
        else:
            error = _error_of_status(status)
        return Exchange(round(time.monotonic() - started, 3), status, excerpt, error)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> tuple[int, str | None]:
        target = self.parse(url)  # the setting may have changed since the URL was entered
        if target.is_address and not self._policy.permits(target.host):
            raise UrlError(_REFUSED_ADDRESS)
        async with self._session.post(
            URL(url, encoded=True),
            data=body,
            headers={**_HEADERS, **headers},
            timeout=aiohttp.ClientTimeout(total=seconds),
            allow_redirects=False,
        ) as response:
            if _is_encoded(response):  # although it was not asked for; it could decode to gigabytes
                return response.status, None
            excerpt = bytearray()
            with suppress(aiohttp.ClientError, TimeoutError):  # the status alone decides
                while len(excerpt) < EXCERPT_BYTES and (part := await response.content.read(EXCERPT_BYTES - len(excerpt))):
                    excerpt += part
            return response.status, excerpt.decode(errors="replace")


class _CheckingResolver(AbstractResolver):
    def __init__(self, policy: AddressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        addresses = await self._resolver.resolve(host)
        if not _permits(self._policy, host, addresses):
            raise _NameRefusedError
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Do nothing: the resolver belongs to the caller."""


def _permits(policy: AddressPolicy, host: str, addresses: Sequence[str]) -> bool:
    """Return whether the policy permits all addresses of a name."""
    refused = [address for address in addresses if not policy.permits(address)]
    if refused:
        _log.warning("webhook_address_refused", host=host, addresses=refused)
    return not refused


def _is_encoded(response: aiohttp.ClientResponse) -> bool:
    encodings = ",".join(response.headers.getall("Content-Encoding", [])).lower().split(",")
    return any(encoding.strip() not in {"", "identity"} for encoding in encodings)


def _classify(failure: Exception) -> DeliveryError:
    if isinstance(failure, aiohttp.ClientConnectorDNSError | UnicodeError):
        return DeliveryError.NAME_NOT_RESOLVED
    if isinstance(failure, aiohttp.ClientSSLError):
        return DeliveryError.TLS_FAILED
    if isinstance(failure, TimeoutError):
        return DeliveryError.TIMED_OUT
    if isinstance(failure, aiohttp.ClientConnectionError | OSError):
        return DeliveryError.CONNECTION_FAILED
    return DeliveryError.INVALID_RESPONSE


def _error_of_status(status: int) -> DeliveryError | None:
    if 200 <= status < 300:
        return None
    return DeliveryError.REDIRECTED if 300 <= status < 400 else DeliveryError.REFUSED
