"""Synthesis erases everything of a deleted user, whatever happens meanwhile, and exports everything of a user."""

import hashlib
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest

from echo_common.bus.port import Message
from echo_common.clock import now
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.voice import EchoCreated
from echo_common.contracts.http.normalization import CreateDictionaryEntry
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.http.texts import CreateText
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.contracts.values import AudioFormat, JobStatus
from echo_common.errors import NotFoundError
from echo_common.storage.port import ObjectNotFoundError
from echo_common.user_data.erasure import BATCH
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, ProvenanceRecord, TextEntry
from echo_synthesis.handlers import erase_user, store_echo
from echo_synthesis.usecases.dictionary import add_entry
from echo_synthesis.usecases.speech import synthesize
from echo_synthesis.usecases.texts import save_text
from tests.integration.synthesis.test_jobs import ALICE, MALLORY, SLOW, queued, status, until
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.segments import replaced, spoken
from tests.support.synthesis_replica import Replica

COLLECTIONS = (
    *("jobs", "audio", "texts", "dictionary_entries", "tickets", "origins", "speech_cache"),
    *("voices", "trainings", "selections", "echos"),
)
SHARED = "A sentence of two users."


async def fill(deps: Dependencies) -> None:
    """Create something of every kind for Alice, and some for Mallory."""
    await until(await queued("A job of Alice.", deps), deps, JobStatus.COMPLETED)
    for principal in (ALICE, MALLORY):
        await synthesize(SynthesizeRequest(text=SHARED, config=SpeechConfig()), principal, deps)
        await save_text(CreateText(content=f"A text of {principal.user_id}."), principal, deps)
    await synthesize(SynthesizeRequest(text="A secret of Alice."), ALICE, deps)
    for number in range(2 * BATCH):
        await deps.texts.add(TextEntry(id=f"txt_{number}", user_id=ALICE.user_id, content="Much."))
    await add_entry(CreateDictionaryEntry(term="Alice", respelling="alis"), ALICE, deps)
    await deps.tickets.issue(ALICE)
    await deps.clones.select(ALICE.user_id, "tone_high", now())
    await store_echo(EchoCreated(echo_id="echo_1", user_id=ALICE.user_id, revision=1, name="Alice"), deps)
    await deps.provenance.records.add(
        ProvenanceRecord(id="org_1", user_id=ALICE.user_id, engine="tone", voice_id="tone_low", cloned=True, created_at=now())
    )
    await deps.cache.wait_for_writes()


async def remains(database: Database, *parts: str) -> list[tuple[str, str]]:
    """Return collection and id of the documents that contain one of the texts."""
    store = await database.open("synthesis")
    try:
        return [
            (name, document["_id"])
            for name in COLLECTIONS
            async for document in store.collection(name).find({})
            if any(part in str(document) for part in parts)
        ]
    finally:
        await store.close()


async def nothing_remains(database: Database, *parts: str) -> None:
    """Wait until no document contains one of the texts: an erased one is removed once its events are published."""

    async def gone() -> bool:
        return await remains(database, *parts) == []

    await eventually(gone)


async def erased(deps: Dependencies) -> None:
    async def done() -> bool:
        found = await deps.erasure._users.find_one({"_id": ALICE.user_id})
        return found is not None and found.erased_at is not None

    await eventually(done, within=30)


def objects(folder: Path) -> set[str]:
    return {str(path) for path in (folder / "objects").rglob("*") if path.is_file()}


async def test_everything_of_a_deleted_user_is_erased(replica: Replica, database: Database, tmp_path: Path) -> None:
    heard: list[Message] = []
    async with replica(heard=heard) as deps:
        await synthesize(SynthesizeRequest(text="Of Mallory alone."), MALLORY, deps)
        await deps.cache.wait_for_writes()
        before = objects(tmp_path)
        mine = await remains(database, MALLORY.user_id)
        await fill(deps)
        assert {name for name, _ in await remains(database, ALICE.user_id)} >= {"jobs", "audio", "texts", "tickets", "origins"}

        await erase_user(UserDeleted(user_id=ALICE.user_id), deps)
        await erased(deps)

        await nothing_remains(database, ALICE.user_id, "Alice")
        assert set(mine) < set(await remains(database, MALLORY.user_id))
        kept = objects(tmp_path)
        assert before < kept
        audio = [found async for found in deps.audio.find({"user_id": MALLORY.user_id})]
        assert len(audio) == 2
        for one in audio:
            assert (await deps.objects.info(one.object_key)).size == one.size
        assert len(await shared_entries(database)) == 2

        async def announced() -> bool:
            return any(message.topic == "synthesis.user_data_erased" for message in heard)

        await eventually(announced)


async def test_a_thousand_objects_of_a_user_are_erased(replica: Replica, database: Database, tmp_path: Path) -> None:
    async with replica() as deps:
        audio = await synthesize(SynthesizeRequest(text="Of Alice."), ALICE, deps)
        for number in range(500):
            key = f"{Audio.folder_of(f'aud_{number}')}1.wav"
            await deps.objects.put(key, b"speech", audio.mime)
            changes = {"id": f"aud_{number}", "version": 0, "synthesis_id": f"syn_{number}", "object_key": key, "size": 6}
            await deps.audio.add(Audio.model_validate(audio.model_dump(exclude=set(changes)) | changes))
            await deps.texts.add(TextEntry(id=f"txt_{number}", user_id=ALICE.user_id, content="Much."))
        await deps.cache.wait_for_writes()

        await erase_user(UserDeleted(user_id=ALICE.user_id), deps)
        await erased(deps)

        await nothing_remains(database, ALICE.user_id)
        assert [path for path in objects(tmp_path) if "/audio/" in path] == []


async def shared_entries(database: Database) -> list[str]:
    store = await database.open("synthesis")
    try:
        return [entry["_id"] async for entry in store.collection("speech_cache").find({})]
    finally:
        await store.close()


async def test_a_running_job_of_a_deleted_user_leaves_nothing(replica: Replica, database: Database, tmp_path: Path) -> None:
    async with replica() as deps:
        job = await queued(SLOW, deps)

        async def running() -> bool:
            return await status(job, deps) is JobStatus.PROCESSING

        await eventually(running)
        await erase_user(UserDeleted(user_id=ALICE.user_id), deps)
        await erased(deps)

        async def stopped() -> bool:
            return not deps.worker._running

        await eventually(stopped, within=30)
        with pytest.raises(NotFoundError):
            await deps.jobs.get(job.id)
        await deps.cache.wait_for_writes()
        await nothing_remains(database, ALICE.user_id)
        assert [path for path in objects(tmp_path) if "/audio/" in path] == []


async def test_late_writes_of_a_deleted_user_are_erased_by_the_next_sweep(replica: Replica, database: Database) -> None:
    async with replica() as deps:
        await erase_user(UserDeleted(user_id=ALICE.user_id), deps)
        await erased(deps)
        await synthesize(SynthesizeRequest(text="Too late."), ALICE, deps)
        assert await remains(database, ALICE.user_id)

        assert await deps.erasure.erase_due(now() + timedelta(minutes=2)) == 1
        await nothing_remains(database, ALICE.user_id)


async def test_two_replicas_erase_a_user_once(replica: Replica, database: Database) -> None:
    heard: list[Message] = []
    async with replica(heard=heard) as first, replica() as second:
        await fill(first)
        for deps in (first, second):
            await erase_user(UserDeleted(user_id=ALICE.user_id), deps)
        await erased(first)
        await erased(second)
        await nothing_remains(database, ALICE.user_id)

    assert [message.topic for message in heard].count("synthesis.user_data_erased") == 1


async def test_an_export_holds_everything_of_its_user_alone(replica: Replica) -> None:
    async with replica() as deps:
        await fill(deps)
        found = [item async for item in deps.user_data.export(ALICE.user_id)]
        assert MALLORY.user_id not in str(found)

        documents = [item for item in found if isinstance(item, ExportedDocument)]
        kinds = list(dict.fromkeys(item.collection for item in documents))
        assert kinds == ["jobs", "audio", "texts", "dictionary", "provenance"]
        assert [kind for kind, _ in groupby(item.collection for item in documents)] == kinds
        assert [item.fields["text_content"] for item in documents if item.collection == "jobs"] == ["A job of Alice."]
        internal = {"lease", "script", "settings", "due", "place", "object_key", "version"}
        assert not [item for item in documents if internal & item.fields.keys()]

        objects = [item for item in found if isinstance(item, ExportedObject)]
        assert len(objects) == 3
        assert len([item for item in objects if "A job of Alice" in item.name]) == 1
        for item in objects:
            info = await deps.user_data.find_object(ALICE.user_id, item.id)
            content = b"".join([block async for block in deps.objects.read(info.key)])
            assert (len(content), hashlib.sha256(content).hexdigest()) == (item.size, item.checksum)
            with pytest.raises(ObjectNotFoundError):
                await deps.user_data.find_object(MALLORY.user_id, item.id)


@pytest.mark.parametrize("object_id", ["", "/", "aud_none/sound", "../../secret", "aud_none"])
async def test_unknown_objects_are_not_exported(replica: Replica, object_id: str) -> None:
    async with replica() as deps:
        with pytest.raises(ObjectNotFoundError):
            await deps.user_data.find_object(ALICE.user_id, object_id)


async def test_long_word_timings_are_exported_beside_their_audio(replica: Replica) -> None:
    async with replica() as deps:
        await synthesize(SynthesizeRequest(text="One two. " * 300), ALICE, deps)
        found = [item async for item in deps.user_data.export(ALICE.user_id) if isinstance(item, ExportedObject)]
        sound, words, _ = found
        assert words.name == sound.name.removesuffix("wav") + "words.jsonl"
        info = await deps.user_data.find_object(ALICE.user_id, words.id)
        assert (info.size, info.checksum) == (words.size, words.checksum)


async def test_revised_audio_is_exported_with_its_revisions_and_segments(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One sentence. Another one.", output_format=AudioFormat.MP3)
        revised = await replaced(audio, 1, deps, text="Something else.")
        found = [item async for item in deps.user_data.export(ALICE.user_id)]
        [fields] = [item.fields for item in found if isinstance(item, ExportedDocument) and item.collection == "audio"]
        assert [each["text"] for each in fields["segments"]] == ["One sentence.", "Something else."]
        assert (fields["revision"], fields["text"]) == (2, "One sentence. Something else.")
        exported = {item.id: item for item in found if isinstance(item, ExportedObject)}
        assert set(exported) == {f"{audio.id}/{name}" for name in ("revision-1", "revision-2", "lossless")}
        assert exported[f"{audio.id}/revision-1"].checksum == audio.checksum
        for item in exported.values():
            assert (await deps.user_data.find_object(ALICE.user_id, item.id)).checksum == item.checksum
        assert revised.superseded


async def test_revised_audio_is_erased_with_its_superseded_objects(
    replica: Replica, database: Database, tmp_path: Path
) -> None:
    async with replica(earlier_revisions=0) as deps:
        audio = await replaced(await spoken(deps, "One. Two.", output_format=AudioFormat.MP3), 0, deps, text="Now.")
        assert audio.superseded
        await deps.cache.wait_for_writes()
        await erase_user(UserDeleted(user_id=ALICE.user_id), deps)
        await erased(deps)
        await nothing_remains(database, ALICE.user_id)
        assert [path for path in objects(tmp_path) if "/audio/" in path] == []


async def test_long_lists_of_segments_are_exported_beside_their_audio(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One two. " * 300)
        names = [item.id async for item in deps.user_data.export(ALICE.user_id) if isinstance(item, ExportedObject)]
        assert f"{audio.id}/segments" in names
        assert (await deps.user_data.find_object(ALICE.user_id, f"{audio.id}/segments")).key == audio.segments_key
