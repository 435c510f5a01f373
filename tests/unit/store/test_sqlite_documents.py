"""Tests of documents in SQLite."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from echo_common.outbox.documents import from_document, to_document
from echo_common.store.codec import decode, encode, normalize
from echo_common.store.sqlite.matching import matcher
from echo_common.store.sqlite.values import key_of, sort_key
from tests.unit.outbox.test_documents import MOMENTS, THINGS, Thing

NAMES = st.sampled_from(["a", "b", "a.b", "$date", "$bytes", "$object", "$", "", "é"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.binary(max_size=8)
    | MOMENTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


def equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[name], other[name]) for name in one)
    return len(one) == len(other) and all(map(equal, one, other)) if isinstance(one, list) else bool(one == other)


@given(st.dictionaries(st.sampled_from(["_id", "x", "y"]), VALUES))
def test_documents_round_trip_with_types_and_order(document: dict[str, Any]):
    assert equal(decode(encode(document)), document)
    assert equal(normalize(document), document)


@given(THINGS)
def test_every_aggregate_round_trips_through_sqlite(thing: Thing):
    document = to_document(thing)
    assert from_document(Thing, {**decode(encode(document)), "version": thing.version}) == thing


def test_times_are_truncated_to_milliseconds_as_in_mongodb():
    before = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert decode(encode({"at": before})) == {"at": datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=1)}


@given(SCALARS, SCALARS)
def test_keys_are_equal_when_values_match(one: Any, other: Any):
    same = key_of(one) == key_of(other)
    assert matcher({"x": one})({"x": other}) is same
    assert same is (sort_key(key_of(one)) == sort_key(key_of(other)))
