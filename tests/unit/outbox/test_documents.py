from datetime import UTC, datetime, timedelta
from typing import Any

from bson import decode, encode
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from echo_common.aggregate import Aggregate
from echo_common.bus.port import Message
from echo_common.contracts.values import JobStatus
from echo_common.outbox.documents import from_document, from_entry, to_document, to_entry

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# What a database can hold: milliseconds.
MOMENTS = st.integers(0, 2**41).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))


class Thing(Aggregate):
    text: str
    status: JobStatus
    maybe: str | None
    usually: str | None = "default"
    at: datetime
    blob: bytes
    numbers: tuple[float, ...]
    by_status: dict[JobStatus, int]
    names: set[str]


THINGS = st.builds(
    Thing, id=TEXT, version=st.just(0), created_at=MOMENTS, updated_at=MOMENTS, text=TEXT, maybe=st.none() | TEXT, usually=st.none() | TEXT,
    at=MOMENTS, blob=st.binary(max_size=20), numbers=st.lists(st.floats(allow_nan=False)).map(tuple), names=st.sets(TEXT),
    by_status=st.dictionaries(st.sampled_from(JobStatus), st.integers(-(2**63), 2**63 - 1)),
)  # fmt: skip


@given(THINGS)
def test_every_aggregate_round_trips_through_the_database(thing: Thing):
    document = to_document(thing)
    assert "maybe" not in document or document["maybe"] is not None
    stored = decode(encode(document), OPTIONS)
    assert from_document(Thing, {**stored, "version": thing.version}) == thing


@given(TEXT, st.binary(max_size=50), st.booleans())
def test_every_message_round_trips_through_the_database(key, body, transient):
    message = Message(id=key, topic="t.u", version=2, body=body, transient=transient, headers={"traceparent": "00-1"})
    assert from_entry(decode(encode(to_entry(message)))) == message
