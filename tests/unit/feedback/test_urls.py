"""URLs that users enter for webhooks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from echo_feedback.outbound.urls import LONGEST_URL, UrlError, parse_url

ACCEPTED = [
    ("https://example.com", "example.com", 443, False),
    ("https://example.com/hooks?key=a%20b", "example.com", 443, False),
    ("https://EXAMPLE.com:8443/", "example.com", 8443, False),
    ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, False),
    ("https://93.184.215.14/", "93.184.215.14", 443, True),
    ("https://[2606:4700::1111]:444/x", "2606:4700::1111", 444, True),
    ("https://localhost/", "localhost", 443, False),
    ("https://a_b.example/", "a_b.example", 443, False),
    ("https://1e100.net/", "1e100.net", 443, False),
]
REFUSED = {
    "https://": [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://x/",
        "//example.com/",
        "example.com",
    ],
    "user name": [
        "https://me@example.com/",
        "https://me:secret@example.com/",
        "https://example.com@127.0.0.1/",
        "https://@a.b/",
    ],
    "final dot": ["https://example.com./", "https://localhost./", "https://127.0.0.1./"],
    "decimal": [
        *("https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/"),
        *("https://127.0.0.0x1/", "https://017700000001/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://a.0x/"),
        "https://%31%32%37.0.0.1/",
    ],
    "zone": ["https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/"],
    "ASCII": [
        "https://bücher.example/",
        "https://exa mple.com/",
        "https://example.com\\@a.b/",
        "https://a.b/\n",
        "https://ⓛocalhost/",
    ],
    "fragment": ["https://example.com/#a", "https://example.com/#"],
    "port": ["https://example.com:0/"],
    "valid": [
        "https://[example.com]/",
        "https://[::1::2]/",
        "https://[]/",
        "https://example.com:70000/",
        "https://example.com:x/",
        "https:///hooks",
        "https://-a.example/",
        "https://a..b/",
    ],
    "host": ["https://a,b/", "https://a%2eb/", f"https://{'a' * 64}.example/", f"https://{'a.' * 127}example/"],
    "at most": ["https://example.com/" + "a" * LONGEST_URL],
}


@pytest.mark.parametrize(("url", "host", "port", "is_address"), ACCEPTED)
def test_urls_of_names_and_addresses_are_accepted(url: str, host: str, port: int, is_address: bool) -> None:
    target = parse_url(url, http=False)
    assert (target.url, target.host, target.port, target.is_address) == (url, host, port, is_address)


@pytest.mark.parametrize(("part", "url"), [(part, url) for part, urls in REFUSED.items() for url in urls])
def test_other_urls_are_refused_with_the_reason(part: str, url: str) -> None:
    with pytest.raises(UrlError, match=part):
        parse_url(url, http=False)


def test_http_is_accepted_where_the_setting_permits_it() -> None:
    assert parse_url("http://127.0.0.1:9000/hooks", http=True).port == 9000
    assert parse_url("http://example.com/", http=True).port == 80
    with pytest.raises(UrlError):
        parse_url("ftp://example.com/", http=True)


@given(st.text(alphabet="htps:/@[].%x07f1a#?\\-_ é", max_size=40).map(lambda text: f"https://{text}"))
def test_the_client_reads_the_same_host_from_an_accepted_url(url: str) -> None:
    try:
        target = parse_url(url, http=False)
    except UrlError:
        return
    read = URL(url, encoded=True)
    assert (read.raw_host, read.port) == (target.host, target.port)
