"""Parts of files."""

import pytest

from echo_common.http.files import RangeNotSatisfiableError, names, parse_range


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
def test_one_range_is_honoured(header: str, part: tuple[int, int]) -> None:
    assert parse_range(header, 100) == part


@pytest.mark.parametrize(
    "header", [None, "", "bytes=-", "items=0-1", "bytes=0-1,5-6", "bytes=9-5", "nonsense", f"bytes={'9' * 5000}-"]
)
def test_what_is_no_single_range_means_the_whole(header: str | None) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=500-600", "bytes=-0", f"bytes={'9' * 100}-"])
def test_a_range_outside_the_file_is_refused_with_its_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiableError) as refused:
        parse_range(header, 100)
    assert refused.value.details == {"size": 100}


@pytest.mark.parametrize("header", ['"e"', 'W/"e"', '"a", "e"', '"a",W/"e"', "*"])
def test_an_etag_is_known_however_it_is_listed(header: str) -> None:
    assert names(header, '"e"')


@pytest.mark.parametrize("header", [None, "", '"a"', "e", '"a", "b"'])
def test_another_etag_is_not_known(header: str | None) -> None:
    assert not names(header, '"e"')
