"""Tests of the client address of a request."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_common.http.addresses import address_from_gateway, client_address, network_of, parse_address, parse_networks

PROXIES = parse_networks("10.0.0.0/8, 192.0.2.1, fd00::/8")
ADDRESSES = st.ip_addresses().filter(lambda address: getattr(address, "ipv4_mapped", None) is None and "%" not in str(address))
OUTSIDE = ADDRESSES.filter(lambda address: not any(address in network for network in PROXIES))


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7\t", "192.0.2.7"),
        ("192.0.2.7:8080", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_every_address_notation_is_parsed(entry: str, address: str) -> None:
    assert str(parse_address(entry)) == address


@pytest.mark.parametrize(
    "entry",
    ["", "a:b", "unknown", "_hidden", "1.2.3", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:99999", "1.2.3.4:-1", "[::1", "[::1]x", "[::1]:",
     "[1.2.3.4]", "[[::1]]", "fe80::1%eth0", "1.2.3.4, 5.6.7.8", "01.2.3.4", "1.2.3.4\n", "\u0661.2.3.4", "::1::", "1" * 5_000],
)  # fmt: skip
def test_invalid_addresses_are_not_parsed(entry: str) -> None:
    assert parse_address(entry) is None


@given(st.text())
def test_parsing_any_text_never_fails(text: str) -> None:
    found = parse_address(text)
    assert found is None or found == ip_address(str(found))


@given(ADDRESSES, st.integers(0, 65535))
def test_ports_of_addresses_are_ignored(address: object, port: int) -> None:
    written = f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"
    assert parse_address(written) == parse_address(str(address)) == address


@given(st.lists(st.text(), max_size=3), ADDRESSES)
def test_only_a_trusted_proxy_sets_the_client_address(values: list[str], peer: object) -> None:
    assert client_address(str(peer), values, ()) == str(peer)
    assert client_address("127.0.0.1", values, PROXIES) == "127.0.0.1"


@given(st.lists(ADDRESSES, max_size=5), OUTSIDE, st.lists(st.sampled_from(["10.1.2.3", "192.0.2.1", "fd00::7"]), max_size=4))
def test_the_client_is_the_rightmost_untrusted_address(made_up: list[object], client: object, proxies: list[str]) -> None:
    header = ", ".join(map(str, [*made_up, client, *proxies]))
    assert client_address("10.0.0.1", [header], PROXIES) == str(client)


def test_the_leftmost_address_is_used_when_all_are_trusted() -> None:
    assert client_address("10.0.0.1", ["10.0.0.3, 10.0.0.2"], PROXIES) == "10.0.0.3"


@pytest.mark.parametrize("header", ["a:b", "203.0.113.7, a:b", "", " , ", "203.0.113.7,"])
def test_invalid_headers_are_ignored(header: str) -> None:
    assert client_address("10.0.0.1", [header], PROXIES) == "10.0.0.1"


def test_repeated_headers_form_a_single_list() -> None:
    assert client_address("10.0.0.1", ["198.51.100.1", "203.0.113.7, 10.0.0.2"], PROXIES) == "203.0.113.7"


@given(st.text(), st.sampled_from([None, "127.0.0.1"]))
def test_services_read_only_the_address_set_by_the_gateway(text: str, peer: str | None) -> None:
    assert address_from_gateway(peer, [text, "203.0.113.7"]) == "203.0.113.7"
    assert address_from_gateway(peer, [f"{text}, a:b"]) == (peer or "local")


@given(st.text())
def test_any_address_has_a_network(text: str) -> None:
    assert network_of(text) or not text


def test_ipv6_addresses_of_a_network_count_together() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::2") != network_of("2001:db8:1:3::1")


def test_a_list_of_proxies_must_be_valid() -> None:
    assert parse_networks(" 10.0.0.0/8,,::1 ") == (ip_network("10.0.0.0/8"), ip_network("::1"))
    with pytest.raises(ValueError, match="host bits"):
        parse_networks("10.0.0.1/8")
