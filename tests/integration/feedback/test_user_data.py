"""The feedback service erases the data of a deleted user and keeps anonymous totals; it exports ratings and history."""

from datetime import timedelta

from echo_common.clock import now
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.feedback import FeedbackUserDataErased, RatingSubmitted
from echo_common.contracts.events.synthesis import AudioDeleted, JobQueued
from echo_common.contracts.http.user_data import ExportedDocument
from echo_feedback.domain.summaries import Subject
from tests.integration.feedback.conftest import FeedbackClient, audio_of
from tests.integration.feedback.test_summaries import distribution, until
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.person import data

COLLECTIONS = (
    "ratings",
    "summaries",
    "audios",
    "voices",
    "usage_history",
    "api_usage",
    "active_users",
    "statistics",
    "error_log",
    "webhooks",
    "deliveries",
)


async def remains(database: Database, *parts: str) -> list[tuple[str, str]]:
    """Return collection and id of the documents that contain one of the texts."""
    store = await database.open("feedback")
    try:
        return [
            (name, document["_id"])
            for name in COLLECTIONS
            async for document in store.collection(name).find({}, fields=())
            if any(part in str({**document, "outbox": None}) for part in parts)
        ]
    finally:
        await store.close()


async def nothing_remains(database: Database, *parts: str) -> None:
    """Wait until no document contains one of the texts: the entry of a late event is erased after it is added."""

    async def gone() -> bool:
        return await remains(database, *parts) == []

    await eventually(gone)


async def erased(client: FeedbackClient, user_id: str) -> None:
    await client.publish(UserDeleted(user_id=user_id))
    await eventually(lambda: FeedbackUserDataErased.topic in [message.topic for message in client.heard], within=30)


async def test_a_deleted_user_leaves_anonymous_totals(ada: FeedbackClient, eve: FeedbackClient, database: Database) -> None:
    audio_id = await ada.speech()
    rating = await ada.rated(audio_id, 2, comment="The secret of Ada.", categories=["secret"])
    await eve.rated(await eve.speech(), 4)
    await ada.publish(JobQueued(job_id="job_1", user_id="usr_ada"))
    await until(ada, Subject.VOICE, "tone_low", (0, 1, 0, 1, 0))
    await erased(ada, "usr_ada")
    await nothing_remains(database, "usr_ada", audio_id, "secret")
    assert await distribution(ada, Subject.VOICE, "tone_low") == (0, 1, 0, 1, 0)
    await eve.rated(await eve.speech(), 5)
    await until(ada, Subject.VOICE, "tone_low", (0, 1, 0, 1, 1))
    admin = ada.acting_as("usr_admin", scope="admin")
    anonymous = (await admin.get("/admin/feedback", max_rating=2))[0]
    assert (anonymous["id"], anonymous["user_id"], anonymous["audio_id"], anonymous["comment"]) == (
        rating["id"],
        None,
        None,
        None,
    )


async def test_late_events_of_a_deleted_user_store_nothing_of_the_user(ada: FeedbackClient, database: Database) -> None:
    await erased(ada, "usr_ada")
    audio = audio_of("usr_ada")
    late = RatingSubmitted(
        rating_id="rat_1",
        user_id="usr_ada",
        audio_id=audio.audio_id,
        voice_id="tone_low",
        engine="tone",
        rating=3,
        categories=("secret",),
        revision=1,
    )
    await ada.publish(audio, late, JobQueued(job_id="job_1", user_id="usr_ada"))
    await ada.publish(AudioDeleted(audio_id=audio.audio_id, user_id="usr_ada"))
    await until(ada, Subject.ENGINE, "tone", (0, 0, 1, 0, 0))
    await nothing_remains(database, "usr_ada", "secret")


async def test_an_erasure_is_repeated_against_late_writes(ada: FeedbackClient, database: Database) -> None:
    audio_id = await ada.speech()
    await erased(ada, "usr_ada")
    await ada.deps.audios.apply(audio_of("usr_ada", audio_id))
    await ada.rated(audio_id, 3)
    assert await ada.deps.erasure.erase_due(now() + timedelta(minutes=2)) == 1
    await nothing_remains(database, "usr_ada")


async def test_an_export_holds_ratings_and_history_of_its_user_alone(ada: FeedbackClient, eve: FeedbackClient) -> None:
    rating = await ada.rated(await ada.speech(), 2, comment="Of Ada.")
    await eve.rated(await eve.speech(), 4, comment="The secret of Eve.")

    async def recorded() -> bool:
        return [entry["action_type"] for entry in await ada.get("/users/me/history")] == [
            "rating_submitted",
            "speech_synthesized",
        ]

    await eventually(recorded)
    found = [item async for item in ada.deps.user_data.export("usr_ada")]
    assert "usr_eve" not in str(found)
    assert all(isinstance(item, ExportedDocument) for item in found)
    kinds = [(item.collection, item.fields["id"]) for item in found if isinstance(item, ExportedDocument)]
    assert kinds[0] == ("ratings", rating["id"])
    assert [kind for kind, _ in kinds[1:]] == ["usage_history", "usage_history"]


async def test_webhooks_are_exported_without_secrets_and_erased(
    ada: FeedbackClient, eve: FeedbackClient, database: Database
) -> None:
    body = {"url": "https://93.184.215.14/secret", "events": ["job.failed"]}
    webhook = data(await ada.ask("POST", "/webhooks", json=body), 201)
    other = data(await eve.ask("POST", "/webhooks", json=body), 201)
    delivery = data(await ada.ask("POST", f"/webhooks/{webhook['id']}/test"), 202)
    found = [item async for item in ada.deps.user_data.export("usr_ada") if isinstance(item, ExportedDocument)]
    exported = {item.collection: item.fields for item in found if item.collection.startswith("webhook")}
    assert exported["webhooks"]["id"] == webhook["id"]
    assert exported["webhook_deliveries"]["id"] == delivery["id"]
    assert webhook["secret"] not in str(found)
    assert "'secret'" not in str(found)
    await erased(ada, "usr_ada")
    assert [one["id"] for one in await eve.get("/webhooks")] == [other["id"]]
    await nothing_remains(database, "usr_ada")


async def test_the_history_of_an_erased_user_is_empty(ada: FeedbackClient) -> None:
    await ada.rated(await ada.speech(), 2)
    await erased(ada, "usr_ada")

    async def nothing_recorded() -> bool:  # an event that arrives late is recorded, and then the user is erased again
        return not await ada.get("/users/me/history")

    await eventually(nothing_recorded)
    assert data(await ada.ask("GET", "/feedback")) == []
