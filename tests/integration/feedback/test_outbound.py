"""The client of webhooks connects to checked addresses alone, and follows nothing that a receiver sends."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from echo_common.contracts.http.webhooks import DeliveryError
from echo_common.http.addresses import parse_networks
from echo_feedback.composition import open_outbound
from echo_feedback.outbound.addresses import AddressPolicy
from echo_feedback.outbound.client import EXCERPT_BYTES, OutboundClient
from echo_feedback.outbound.connector import INFORMATIONAL_RESPONSES, LARGEST_HEAD_BYTES
from echo_feedback.outbound.resolver import SystemResolver
from echo_feedback.outbound.urls import UrlError
from echo_feedback.settings import FeedbackSettings
from tests.support.certificates import Certificate
from tests.support.receiver import Receiver

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


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as found:
        yield found


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
        assert (await outbound.post(url, b"", {}, seconds=5)).error is DeliveryError.ADDRESS_REFUSED
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
    async with open_outbound(settings) as outbound:
        try:
            targets = [outbound.parse(f"https://silent{number}.example/") for number in range(300)]
            await asyncio.gather(*(outbound.require_permitted(target, seconds=0.1) for target in targets))
            sent = await outbound.post(f"http://hooks.example:{receiver.port}/", b"{}", {}, seconds=10)
        finally:
            released.set()
    assert (sent.succeeded, sent.error) == (True, None)


async def test_a_request_resolves_its_host_once(receiver: Receiver) -> None:
    """The answer after the check cannot differ, because there is no second query."""
    async with client(["127.0.0.1"], ["10.0.0.1"]) as (outbound, resolver):
        assert (await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)).succeeded
    assert resolver.queries == ["a.example"]


async def test_one_address_that_is_not_permitted_refuses_the_host(receiver: Receiver) -> None:
    async with client(["127.0.0.1", "169.254.169.254"]) as (outbound, _):
        sent = await outbound.post(f"http://mixed.example:{receiver.port}/", b"", {}, seconds=5)
    assert (sent.error, sent.status) == (DeliveryError.ADDRESS_REFUSED, None)
    assert receiver.received == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
async def test_local_receivers_are_refused_without_the_setting(receiver: Receiver, host: str) -> None:
    async with SystemResolver.open() as resolver, OutboundClient.open(AddressPolicy(), resolver, http=True) as outbound:
        url = f"http://{host}:{receiver.port}/"
        assert (await outbound.post(url, b"", {}, seconds=5)).error is DeliveryError.ADDRESS_REFUSED
        with pytest.raises(UrlError, match="public address"):
            await outbound.require_permitted(outbound.parse(url), seconds=5)
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


async def test_the_start_of_a_long_response_is_read(receiver: Receiver) -> None:
    receiver.body = "ä".encode() * 1_000_000
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert sent.succeeded
    assert len((sent.excerpt or "").encode()) <= EXCERPT_BYTES + 3


async def test_a_compressed_response_is_not_unpacked(receiver: Receiver) -> None:
    receiver.headers = {"Content-Encoding": "gzip"}
    receiver.body = b"\x1f\x8b\x08" + bytes(100)
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert (sent.succeeded, sent.status) == (True, 200)
    assert receiver.received[0].headers["accept-encoding"] == "identity"


async def test_cookies_are_not_sent_back(receiver: Receiver) -> None:
    receiver.headers = {"Set-Cookie": "a=b"}
    async with client() as (outbound, _):
        for _ in range(2):
            await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert "cookie" not in receiver.received[1].headers


@pytest.mark.parametrize(("status", "error"), [(204, None), (400, "refused"), (410, "refused"), (503, "refused")])
async def test_only_a_status_of_2xx_is_a_success(receiver: Receiver, status: int, error: str | None) -> None:
    receiver.status = status
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=5)
    assert (sent.status, sent.error) == (status, error)


async def test_a_receiver_that_does_not_respond_ends_at_the_time_limit(receiver: Receiver) -> None:
    receiver.released.clear()
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{receiver.port}/", b"", {}, seconds=0.2)
    assert (sent.error, sent.status) == (DeliveryError.TIMED_OUT, None)


async def test_a_query_that_does_not_end_is_part_of_the_time_limit() -> None:
    class SlowResolver:
        async def resolve(self, host: str) -> Sequence[str]:
            await asyncio.Event().wait()
            return []

    async with OutboundClient.open(AddressPolicy(), SlowResolver(), http=True) as outbound:
        assert (await outbound.post("http://a.example/", b"", {}, seconds=0.2)).error is DeliveryError.TIMED_OUT
        await outbound.require_permitted(outbound.parse("http://a.example/"), seconds=0.1)


async def test_errors_of_names_and_connections_are_told_apart() -> None:
    class Unknown:
        async def resolve(self, host: str) -> Sequence[str]:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{port}/", b"", {}, seconds=5)
    assert sent.error is DeliveryError.CONNECTION_FAILED
    async with OutboundClient.open(AddressPolicy(), Unknown(), http=True) as outbound:
        assert (await outbound.post("http://a.example/", b"", {}, seconds=5)).error is DeliveryError.NAME_NOT_RESOLVED
        await outbound.require_permitted(outbound.parse("http://a.example/"), seconds=1)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000])
async def test_an_invalid_response_is_an_error(answer: bytes) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{server.sockets[0].getsockname()[1]}/", b"", {}, seconds=5)
    assert sent.error in {DeliveryError.INVALID_RESPONSE, DeliveryError.CONNECTION_FAILED}


@asynccontextmanager
async def sending(*parts: bytes, endless: bytes = b"", tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve responses of these bytes, with `endless` repeated until the connection ends; give the port."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            await reader.readuntil(b"\r\n\r\n")
            writer.writelines(parts)
            await writer.drain()
            while endless:
                writer.write(endless)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "endless",
    [b"HTTP/1.1 100 Continue\r\n\r\n" * 50, b"HTTP/1.1 103 Early Hints\r\nlink: " + b"a" * 4000 + b"\r\n\r\n"],
    ids=["continue", "early-hints"],
)
async def test_endless_informational_responses_are_an_error_and_hold_up_nothing(receiver: Receiver, endless: bytes) -> None:
    """The time limits are far off: the requests end because of the bounds."""
    async with sending(endless=endless) as port, client() as (outbound, _):
        urls = [f"http://a.example:{port}/", f"http://a.example:{receiver.port}/"] * 10
        sent = await asyncio.gather(*(outbound.post(url, b"{}", {}, seconds=300) for url in urls))
    assert {(one.error, one.status) for one in sent[::2]} == {(DeliveryError.INVALID_RESPONSE, None)}
    assert all(one.succeeded for one in sent[1::2])


async def test_endless_informational_responses_over_tls_are_an_error(tmp_path: Path) -> None:
    certificate = Certificate.create(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate.certificate, certificate.key)
    trusting = ssl.create_default_context(cafile=str(certificate.certificate))
    async with (
        sending(endless=b"HTTP/1.1 100 Continue\r\n\r\n" * 50, tls=serving) as port,
        client(networks=LOCAL, tls=trusting) as (outbound, _),
    ):
        sent = await outbound.post(f"https://127.0.0.1:{port}/", b"{}", {}, seconds=300)
    assert (sent.error, sent.status) == (DeliveryError.INVALID_RESPONSE, None)


@pytest.mark.parametrize("number", [1, INFORMATIONAL_RESPONSES])
async def test_a_response_after_a_few_informational_ones_is_read(number: int) -> None:
    few = b"HTTP/1.1 102 Processing\r\n\r\n" * number
    async with sending(few, b"HTTP/1.1 200 OK\r\n\r\nfine") as port, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{port}/", b"{}", {}, seconds=300)
    assert (sent.succeeded, sent.status, sent.excerpt) == (True, 200, "fine")


async def test_more_informational_responses_than_the_bound_are_an_error() -> None:
    many = b"HTTP/1.1 100 Continue\r\n\r\n" * (INFORMATIONAL_RESPONSES + 1)
    async with sending(many, b"HTTP/1.1 200 OK\r\n\r\nfine") as port, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{port}/", b"{}", {}, seconds=300)
    assert (sent.error, sent.status) == (DeliveryError.INVALID_RESPONSE, None)


@pytest.mark.parametrize(("padding", "error"), [(30, None), (100, DeliveryError.INVALID_RESPONSE)])
async def test_the_head_of_a_response_is_bounded(padding: int, error: DeliveryError | None) -> None:
    """No header alone is longer than the client accepts."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %s\r\n" % (number, b"a" * 1000) for number in range(padding))
    assert (len(head) > LARGEST_HEAD_BYTES) is (error is not None)
    async with sending(head, b"\r\nfine") as port, client() as (outbound, _):
        sent = await outbound.post(f"http://a.example:{port}/", b"{}", {}, seconds=300)
    assert sent.error is error


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
