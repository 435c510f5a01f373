"""Tests of range requests and ETags."""

import pytest

from echo_common.http.object_response import RangeNotSatisfiableError, etag_matches, parse_range


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=10-", (10, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=90-1000", (90, 100)),
        ("bytes = 0 - 0", (0, 1)),
    ],
)
def test_a_single_range_is_served(header: str, part: tuple[int, int]) -> None:
    assert parse_range(header, 100) == part


@pytest.mark.parametrize(
    "header", [None, "", "bytes=-", "items=0-1", "bytes=0-1,5-6", "bytes=9-5", "nonsense", f"bytes={'9' * 5000}-"]
)
def test_other_range_headers_serve_the_whole_file(header: str | None) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=500-600", "bytes=-0", f"bytes={'9' * 100}-"])
def test_ranges_outside_the_file_are_refused_with_its_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiableError) as refused:
        parse_range(header, 100)
    assert refused.value.details == {"size": 100}


@pytest.mark.parametrize("header", ['"e"', 'W/"e"', '"a", "e"', '"a",W/"e"', "*"])
def test_matching_etags_are_found_in_any_list(header: str) -> None:
    assert etag_matches(header, '"e"')


@pytest.mark.parametrize("header", [None, "", '"a"', "e", '"a", "b"'])
def test_other_etags_do_not_match(header: str | None) -> None:
    assert not etag_matches(header, '"e"')
