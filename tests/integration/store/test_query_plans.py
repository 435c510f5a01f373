"""Frequent queries of services use indexes instead of reading whole collections."""

from pathlib import Path
from typing import Any, cast

import pytest

from echo_auth.repository import Sessions, Users
from echo_common.clock import now
from echo_common.outbox.dead_letters import StoreDeadLetters
from echo_common.outbox.documents import OUTBOX_AT
from echo_common.outbox.inbox import StoreInbox
from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import Repository
from echo_common.store.port import Index
from echo_common.store.sqlite import open_store
from echo_common.store.sqlite.matching import Wanted
from echo_common.store.sqlite.searching import Search, plan
from echo_common.store.sqlite.store import SqliteStore
from echo_common.user_data.erasure import ErasedUsers
from echo_common.work.repository import TaskRepository
from echo_feedback.repository.error_log import ErrorLog
from echo_feedback.repository.history import UsageHistory
from echo_feedback.repository.ratings import Ratings
from echo_feedback.repository.summaries import Summaries
from echo_feedback.repository.webhooks import Deliveries, Webhooks
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.repository import AudioRepository, Dictionary, Jobs, Texts
from echo_voice.conversations.repository import Messages
from echo_voice.repository import Consents, Echos, Phrases, Samples, VoiceModels
from tests.integration.outbox.counters import RecordingBus

USER = {"user_id": "usr_1"}
NEWEST = [("created_at", -1)]
QUERIES: dict[type[Repository[Any]], list[tuple[dict[str, Any], list[tuple[str, int]]]]] = {
    Jobs: [
        ({"status": "pending"}, [("due", 1)]),
        ({"status": "pending", "due": {"$lt": now()}}, []),
        ({"status": "pending", "not_before": {"$not": {"$gt": now()}}}, [("due", 1)]),
        ({"status": "pending", "not_before": {"$not": {"$gt": now()}}, "_id": {"$nin": ["a", "b"]}}, [("due", 1)]),
        ({"status": "processing"}, []),
        ({**USER, "status": "pending", "due": {"$gte": now()}}, [("due", -1)]),
        (USER, NEWEST),
        ({"synthesis_id": "syn_1"}, []),
        ({"idempotency_key": "key"}, []),
    ],
    AudioRepository: [
        (USER, NEWEST),
        ({"synthesis_id": "syn_1"}, []),
        ({"checksum": "c"}, []),
        ({"_id": {"$in": ["a", "b"]}, **USER}, []),
    ],
    Dictionary: [(USER, [])],
    Texts: [(USER, NEWEST)],
    Users: [({"email": "a@b"}, []), ({"username_key": "a"}, []), ({"token_version_raised_at": {"$gte": now()}}, [])],
    ErasedUsers: [({"due_at": {"$lte": now()}}, []), ({"created_at": {"$gte": now()}}, [])],
    Sessions: [(USER, [("start_time", -1)]), ({"revoked_at": {"$gte": now()}}, [])],
    Messages: [
        ({**USER, "echo_id": "echo_1"}, [("created_at", -1), ("number", -1)]),
        ({**USER, "echo_id": "echo_1", "number": 2, "role": "echo"}, []),
        ({**USER, "echo_id": "echo_1", "number": {"$gt": 2}}, []),
        ({**USER, "echo_id": "echo_1", "created_at": {"$gt": now()}, "request_key": "key"}, []),
    ],
    Samples: [(USER, NEWEST), ({"work": "pending"}, [("created_at", 1)]), ({"original.checksum": "c"}, [])],
    VoiceModels: [
        (USER, NEWEST),
        ({"work": "pending", "provider": {"$in": ["a"]}}, [("created_at", 1)]),
        ({"work": "pending", "provider": {"$nin": ["a"]}, "_id": {"$nin": ["a", "b"]}}, [("created_at", 1)]),
        ({"work": "processing"}, []),
        ({"consent_id": "c"}, []),
        ({"mixed_from.voice_id": "m"}, []),
        ({"$or": [{"_id": "m"}, {"made.reference": "fish_m"}], **USER}, []),
    ],
    Consents: [(USER, NEWEST)],
    Phrases: [(USER, NEWEST)],
    Echos: [(USER, NEWEST)],
    Ratings: [
        ({**USER, "rating": {"$gte": 1, "$lte": 5}}, [("created_at", -1), ("_id", -1)]),
        ({"audio_id": "aud_1"}, []),
        ({**USER, "audio_id": "aud_1"}, []),
        ({"voice_id": "v", "rating": {"$gte": 1, "$lte": 5}}, [("created_at", -1), ("_id", -1)]),
        ({"engine": "e", "rating": {"$gte": 1, "$lte": 5}}, [("created_at", -1), ("_id", -1)]),
    ],
    Summaries: [
        ({"subject": "voice"}, [("updated_at", -1), ("_id", -1)]),
        ({"subject": "voice"}, [("name", 1), ("_id", 1)]),
    ],
    Webhooks: [(USER, NEWEST), ({**USER, "enabled": True}, [])],
    Deliveries: [
        ({"status": "pending", "next_attempt_at": {"$lte": now()}}, [("next_attempt_at", 1)]),
        (
            {"status": "pending", "next_attempt_at": {"$lte": now()}, "webhook_id": {"$nin": ["a", "b"]}},
            [("next_attempt_at", 1)],
        ),
        ({"status": "processing"}, []),
        ({**USER, "webhook_id": "whk_1"}, NEWEST),
        ({**USER, "webhook_id": "whk_1"}, []),
    ],
}


async def explained(store: SqliteStore, collection: str, where: Any, sort: Any) -> str:
    def explain(connection: Any, schema: Any) -> str:
        planned = plan(Search(Wanted.of(where), sort), schema.table(collection))
        assert planned is not None, "sorted outside SQL"
        return "; ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {planned[0]}", planned[1].values))

    return str(await store.read(explain))


def assert_indexed(told: str, collection: str) -> None:
    assert f"SCAN {collection}" not in told
    assert "TEMP B-TREE FOR ORDER BY" not in told


@pytest.mark.parametrize("kind", QUERIES, ids=lambda kind: kind.__name__)
async def test_repository_queries_use_indexes(kind: type[Repository[Any]], tmp_path: Path) -> None:
    store = cast("SqliteStore", await open_store(tmp_path, "test"))
    await kind(store, Relay(RecordingBus())).prepare()
    outboxes = ({OUTBOX_AT: {"$lt": now()}}, [(OUTBOX_AT, 1)])
    queued = [({kind.aggregate.status_field: "pending"}, [("queued_at", 1)])] if issubclass(kind, TaskRepository) else []
    for where, sort in [*QUERIES[kind], *queued, outboxes, ({"_id": "a", "version": 3}, [])]:
        assert_indexed(await explained(store, kind.name, where, sort), kind.name)
    await store.close()


async def test_queries_on_auxiliary_collections_use_indexes(tmp_path: Path) -> None:
    store = cast("SqliteStore", await open_store(tmp_path, "test"))
    await StoreInbox(store).prepare()
    await StoreDeadLetters(store).prepare()
    await store.collection("speech_cache").ensure(SpeechCache.indexes)
    await UsageHistory(store).prepare()
    await ErrorLog(store).prepare()
    # as the clones of synthesis
    await store.collection("voices").ensure([Index([(name, 1)]) for name in ("user_id", "shared_with", "public", "reference")])
    await store.collection("voices").insert({"_id": "a", "shared_with": ["usr_1"]})
    for collection, where, sort in (
        ("inbox", {"_id": "evt_1"}, []),
        ("dead_letters", {}, [("died_at", -1)]),
        ("dead_letters", {"topic": "t"}, [("died_at", -1)]),
        ("speech_cache", {"voice": "v"}, []),
        ("usage_history", USER, [("timestamp", -1), ("_id", -1)]),
        ("usage_history", {"timestamp": {"$lt": now()}}, []),
        ("error_log", {}, [("timestamp", -1), ("_id", -1)]),
        ("error_log", {}, [("last_at", -1), ("_id", -1)]),
        ("error_log", {}, [("count", -1), ("_id", -1)]),
        ("error_log", {"service": "voice"}, [("timestamp", -1), ("_id", -1)]),
        ("error_log", {"error_type": "KeyError"}, [("timestamp", -1), ("_id", -1)]),
        ("error_log", {"trace_id": "t"}, []),
        ("error_log", {"timestamp": {"$lt": now()}}, []),
        ("voices", {"usable": True, "$or": [{"public": True}, {"shared_with": "usr_1"}]}, []),
        ("voices", {"reference": {"$in": ["r", "fish_r"]}, "usable": True}, []),
    ):
        told = await explained(store, collection, where, sort)
        if where:
            assert_indexed(told, collection)
        else:
            assert f"SCAN {collection} USING INDEX" in told
    await store.close()
