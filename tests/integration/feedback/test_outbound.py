"""The client of webhooks connects to checked addresses alone, and follows nothing that a receiver sends."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from echo_common.contracts.http.webhooks import DeliveryError
from echo_common.http.addresses import parse_networks
from echo_feedback.composition import open_outbound
from echo_feedback.outbound.addresses import AddressPolicy
from echo_feedback.outbound.client import OutboundClient
from echo_feedback.outbound.resolver import SystemResolver
from echo_feedback.outbound.urls import UrlError
from echo_feedback.outbound.user_queries import UserQueries
from echo_feedback.settings import FeedbackSettings
from tests.support.certificates import Certificate
from tests.support.outbound import LOCAL, FakeResolver, client
from tests.support.receiver import Receiver


async def test_the_checked_address_is_connected_to_and_the_name_is_kept(receiver: Receiver) -> None:
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://hooks.example:{receiver.port}/a?b=%20", b"{}", {"webhook-id": "msg_1"}, seconds=5)
    assert (sent.succeeded, sent.status, sent.excerpt, sent.error) == (True, 200, "ok", None)
    assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"
    assert receiver.received[0].headers["user-agent"] == "Echo-Webhooks/1"


async def test_addresses_are_checked_again_at_each_request(receiver: Receiver) -> None:
    """A name that changes its address after the check of another request leads nowhere."""
    url = f"http://rebinding.example:{receiver.port}/"
    async with client(["127.0.0.1"], ["127.0.0.2"]) as (outbound, resolver):
        assert (await outbound.post(url, b"", {}, seconds=5)).succeeded
        assert (await outbound.post(url, b"", {}, seconds=5)).error is DeliveryError.NAME_NOT_RESOLVED
    assert resolver.queries == ["rebinding.example"] * 2
    assert len(receiver.received) == 1


async def test_queries_for_new_urls_hold_up_no_delivery(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while silent name servers occupy all threads for the checks of URLs, whose requests no longer wait."""
    released = threading.Event()

    def look_up(host: str, *_: object, **__: object) -> list[Any]:
        if host.startswith("silent"):
            released.wait(60)
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    settings = FeedbackSettings(
        secret=SecretStr("a secret of thirty-two characters"), webhook_networks=(LOCAL,), webhook_http=True
    )
    async with open_outbound(settings) as (outbound, queries):
        try:
            targets = [outbound.parse(f"https://silent{number}.example/") for number in range(300)]
            checks = [
                outbound.require_permitted(target, queries, f"usr_{number}", seconds=0.1)
                for number, target in enumerate(targets)
            ]
            refused = await asyncio.gather(*checks, return_exceptions=True)
            sent = await outbound.post(f"http://hooks.example:{receiver.port}/", b"{}", {}, seconds=10)
        finally:
            released.set()
    assert {type(error) for error in refused} == {UrlError}
    assert (sent.succeeded, sent.error) == (True, None)


async def test_a_request_resolves_its_host_once(receiver: Receiver) -> None:
    """The answer after the check cannot differ, because there is no second query."""
    async with client(["127.0.0.1"], ["10.0.0.1"]) as (outbound, resolver):
        assert (await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)).succeeded
    assert resolver.queries == ["a.example"]


async def test_one_address_that_is_not_permitted_refuses_the_host(receiver: Receiver) -> None:
    async with client(["127.0.0.1", "169.254.169.254"]) as (outbound, _):
        sent = await outbound.post(f"http://mixed.example:{receiver.port}/", b"", {}, seconds=5)
    assert (sent.error, sent.status) == (DeliveryError.NAME_NOT_RESOLVED, None)
    assert receiver.received == []


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ("127.0.0.1", DeliveryError.ADDRESS_REFUSED),
        ("[::1]", DeliveryError.ADDRESS_REFUSED),
        ("[::ffff:127.0.0.1]", DeliveryError.ADDRESS_REFUSED),
        ("localhost", DeliveryError.NAME_NOT_RESOLVED),
    ],
)
async def test_local_receivers_are_refused_without_the_setting(receiver: Receiver, host: str, error: DeliveryError) -> None:
    async with (
        SystemResolver.open() as resolver,
        UserQueries.open(resolver) as queries,
        OutboundClient.open(AddressPolicy(), resolver, http=True) as outbound,
    ):
        url = f"http://{host}:{receiver.port}/"
        assert (await outbound.post(url, b"", {}, seconds=5)).error is error
        with pytest.raises(UrlError, match="public address"):
            await outbound.require_permitted(outbound.parse(url), queries, "usr_ada", seconds=5)
    assert receiver.received == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"])
async def test_numbers_that_are_addresses_are_refused_at_each_request(receiver: Receiver, host: str) -> None:
    async with client() as (outbound, resolver):
        sent = await outbound.post(f"http://{host}:{receiver.port}/", b"", {}, seconds=5)
    assert sent.error is DeliveryError.ADDRESS_REFUSED
    assert (resolver.queries, receiver.received) == ([], [])


async def test_http_is_refused_at_each_request_once_the_setting_is_withdrawn(receiver: Receiver) -> None:
    policy = AddressPolicy(parse_networks(LOCAL))
    async with OutboundClient.open(policy, FakeResolver([["127.0.0.1"]])) as outbound:
        assert (await outbound.post(receiver.url, b"", {}, seconds=5)).error is DeliveryError.ADDRESS_REFUSED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": f"http://other.example:{receiver.port}/"}
    async with client() as (outbound, resolver):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert (sent.error, sent.status) == (DeliveryError.REDIRECTED, status)
    assert resolver.queries == ["a.example"]
    assert len(receiver.received) == 1


async def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with client() as (outbound, _):
        assert (await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)).succeeded


@pytest.mark.parametrize(("status", "error"), [(204, None), (400, "refused"), (410, "refused"), (503, "refused")])
async def test_only_a_status_of_2xx_is_a_success(receiver: Receiver, status: int, error: str | None) -> None:
    receiver.status = status
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert (sent.status, sent.error) == (status, error)


async def test_a_query_that_does_not_end_is_part_of_the_time_limit() -> None:
    class SlowResolver:
        async def resolve(self, host: str) -> Sequence[str]:
            await asyncio.Event().wait()
            return []

    async with OutboundClient.open(AddressPolicy(), SlowResolver(), http=True) as outbound:
        assert (await outbound.post("http://a.example/", b"", {}, seconds=0.2)).error is DeliveryError.TIMED_OUT


class UnknownNames:
    """A resolver that knows no name."""

    async def resolve(self, host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")


async def test_errors_of_names_and_connections_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{port}/", b"", {}, seconds=5)
    assert sent.error is DeliveryError.CONNECTION_FAILED
    async with OutboundClient.open(AddressPolicy(), UnknownNames(), http=True) as outbound:
        assert (await outbound.post("http://a.example/", b"", {}, seconds=5)).error is DeliveryError.NAME_NOT_RESOLVED


async def test_users_cannot_tell_names_of_the_network_from_unknown_ones() -> None:
    """Neither at the registration nor in the log of deliveries; the operator can."""
    url, told, logged = "http://database.internal/", [], []
    for resolver in (FakeResolver([["10.0.0.5"]]), UnknownNames()):
        with capture_logs() as logs:
            async with (
                UserQueries.open(resolver) as queries,
                OutboundClient.open(AddressPolicy(), resolver, http=True) as outbound,
            ):
                sent = await outbound.post(url, b"", {}, seconds=5)
                with pytest.raises(UrlError) as refused:
                    await outbound.require_permitted(outbound.parse(url), queries, "usr_ada", seconds=5)
        told.append((sent.status, sent.excerpt, sent.error, str(refused.value)))
        logged.append([{name: entry.get(name) for name in ("event", "host", "addresses")} for entry in logs])
    assert told[0] == told[1]
    address_refused = {"event": "webhook_address_refused", "host": "database.internal", "addresses": ["10.0.0.5"]}
    name_not_resolved = {"event": "webhook_name_not_resolved", "host": "database.internal", "addresses": None}
    assert logged == [[address_refused] * 2, [name_not_resolved]]


async def test_the_certificate_must_be_that_of_the_name(tmp_path: Path) -> None:
    certificate = Certificate.create(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate.certificate, certificate.key)
    names: list[str | None] = []
    serving.sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate.certificate))
    async with Receiver.listening(tls=serving) as receiver:
        async with client(tls=trusting) as (outbound, _):
            assert (await outbound.post(receiver.url, b"", {}, seconds=5)).succeeded
            other = await outbound.post(f"https://other.example:{receiver.port}/", b"", {}, seconds=5)
        async with client() as (outbound, _):
            unknown = await outbound.post(receiver.url, b"", {}, seconds=5)
    assert (other.error, unknown.error) == (DeliveryError.TLS_FAILED, DeliveryError.TLS_FAILED)
    assert "other.example" in names
