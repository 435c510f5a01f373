"""Addresses to which the feedback service connects on behalf of users."""

import pytest

from echo_common.http.addresses import parse_networks
from echo_feedback.outbound.addresses import AddressPolicy

PUBLIC = [
    *(
        "1.1.1.1",
        "8.8.8.8",
        "93.184.215.14",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "223.255.255.255",
    ),
    *("2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "2001:4860:4860::8888", "2003::1"),
]
NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("100.100.100.200", "168.63.129.16"),  # metadata of clouds
    *("::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1"),  # IPv4-mapped, -compatible, -translated
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1"),  # NAT64
    *("2002:7f00:1::1", "2002:808:808::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),  # 6to4, Teredo
]
NO_ADDRESSES = ["", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "1.1.1.1 ", "[::1]", "1.1.1.1/32"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert AddressPolicy().permits(address)


@pytest.mark.parametrize("address", [*NOT_PUBLIC, *NO_ADDRESSES])
def test_other_addresses_are_refused(address: str) -> None:
    assert not AddressPolicy().permits(address)


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700:4700::1111%1"])
def test_addresses_with_a_zone_are_refused_even_in_a_permitted_network(address: str) -> None:
    assert not AddressPolicy(parse_networks("::/0")).permits(address)


def test_a_network_is_permitted_by_the_setting_alone() -> None:
    policy = AddressPolicy(parse_networks("10.1.0.0/16, ::1/128"))
    assert policy.permits("10.1.2.3")
    assert policy.permits("::1")
    assert policy.permits("8.8.8.8")
    assert not policy.permits("10.2.0.1")


@pytest.mark.parametrize("address", ["::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1"])
def test_a_permitted_network_does_not_permit_addresses_that_contain_one_of_it(address: str) -> None:
    assert not AddressPolicy(parse_networks("10.1.0.0/16")).permits(address)
    assert AddressPolicy(parse_networks("::/0")).permits(address)
