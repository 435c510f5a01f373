"""The data of users in synthesis: its erasure and its export."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from echo_common.audio.formats import FORMATS
from echo_common.auth.tickets import Tickets
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.faults import FaultPoints
from echo_common.quotas.counters import Quotas
from echo_common.storage.port import ObjectInfo, ObjectNotFoundError, ObjectStore
from echo_common.user_data.erasure import erase_matching
from echo_common.user_data.export import file_name
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.catalogue.clones import Clones
from echo_synthesis.catalogue.echos import Echos
from echo_synthesis.domain import Audio, DictionaryEntry, Job, Revision, TextEntry
from echo_synthesis.provenance.records import ProvenanceRecords
from echo_synthesis.repository import AudioRepository, Dictionary, Jobs, Texts
from echo_synthesis.segment_views import segment_view
from echo_synthesis.usecases.segments import locate_segments
from echo_synthesis.views import audio_info, entry_view, job_view, synthesis_result, text_view

_OLDEST: Final = (("created_at", 1),)


@dataclass(frozen=True)
class SynthesisUserData:
    """Jobs, audio, texts, lexicons, tickets, provenance records, cached speech, voices and echos of users."""

    jobs: Jobs
    audio: AudioRepository
    texts: Texts
    dictionary: Dictionary
    tickets: Tickets
    provenance: ProvenanceRecords
    cache: SpeechCache
    clones: Clones
    echos: Echos
    objects: ObjectStore
    faults: FaultPoints
    quotas: Quotas

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user. Jobs go first, so that running ones lose their lease and store nothing more."""
        own = {"user_id": user_id}
        await erase_matching(self.jobs, own, Job.erase_with_owner, self.faults, before=self._remove_objects_of_job)
        await erase_matching(self.audio, own, Audio.delete, self.faults, before=self._remove_objects)
        await erase_matching(self.texts, own, TextEntry.erase, self.faults)
        await erase_matching(self.dictionary, own, DictionaryEntry.erase, self.faults)
        await self.tickets.erase(user_id)
        await self.provenance.erase(user_id)
        for voice_id in await self.clones.owned(user_id):
            await self.cache.purge(voice_id)
        await self.clones.erase(user_id)
        await self.echos.erase(user_id)
        await self.cache.erase(user_id)
        await self.quotas.erase(user_id)

    async def _remove_objects_of_job(self, job: Job) -> None:
        await self._remove_folder(job.audio_key)

    async def _remove_objects(self, audio: Audio) -> None:
        await self._remove_folder(audio.id)

    async def _remove_folder(self, audio_id: str) -> None:
        async for key in self.objects.keys(Audio.folder_of(audio_id)):
            await self.objects.delete(key)

    async def export(self, user_id: str) -> AsyncIterator[ExportedDocument | ExportedObject]:
        """Yield jobs, audio, texts, the lexicon and provenance records; then the files of the audio."""
        own = {"user_id": user_id}
        async for job in self.jobs.find(own, sort=_OLDEST, without=("script", "search")):
            yield ExportedDocument(collection="jobs", fields=job_view(job, include_text=True).model_dump(mode="json"))
        async for audio in self.audio.find(own, sort=_OLDEST):
            result = synthesis_result(audio, audio.words).model_dump(mode="json")
            fields = {**result, **audio_info(audio).model_dump(mode="json"), "text": audio.text}
            if audio.segments:  # long lists are objects
                located = await locate_segments(audio, self.objects, 0, len(audio.segments))
                fields["segments"] = [segment_view(each).model_dump(mode="json") for each in located]
            yield ExportedDocument(collection="audio", fields=fields)
        async for entry in self.texts.find(own, sort=_OLDEST):
            yield ExportedDocument(collection="texts", fields=text_view(entry).model_dump(mode="json"))
        async for pronunciation in self.dictionary.find(own, sort=_OLDEST):
            yield ExportedDocument(collection="dictionary", fields=entry_view(pronunciation).model_dump(mode="json"))
        async for record in self.provenance.of_user(user_id):
            yield ExportedDocument(collection="provenance", fields=record.model_dump(mode="json", exclude={"user_id"}))
        async for audio in self.audio.find(own, sort=_OLDEST, without=("words", "chapters", "segments")):
            async for found in self._objects_of(audio):
                yield found

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo:
        """Return a file of an audio. Raises `ObjectNotFoundError`, also for another user's."""
        audio_id, _, part = object_id.partition("/")
        audio = await self.audio.find_one({"_id": audio_id, "user_id": user_id})
        if audio is not None:
            for name, revision in _sounds(audio):
                if part == name:
                    return ObjectInfo(revision.object_key, revision.size, revision.mime, revision.checksum)
            if (key := _further(audio).get(part)) is not None:
                return await self.objects.info(key)
        raise ObjectNotFoundError

    async def _objects_of(self, audio: Audio) -> AsyncIterator[ExportedObject]:
        title, extension = await self._title(audio), FORMATS[audio.settings.output_format].extension
        for name, revision in _sounds(audio):
            ending = extension if revision.number == audio.revision else f"{name}.{extension}"
            yield ExportedObject(
                id=f"{audio.id}/{name}",
                name=file_name("audio", title, audio.id, ending, audio.created_at),
                size=revision.size,
                checksum=revision.checksum,
                mime=revision.mime,
                created_at=revision.created_at,
            )
        for name, key in _further(audio).items():
            with suppress(ObjectNotFoundError):  # deleted meanwhile
                info = await self.objects.info(key)
                yield ExportedObject(
                    id=f"{audio.id}/{name}",
                    name=file_name("audio", title, audio.id, f"{name}.{key.rpartition('.')[2]}", audio.created_at),
                    size=info.size,
                    checksum=info.checksum,
                    mime=info.mime,
                    created_at=audio.created_at,
                )

    async def _title(self, audio: Audio) -> str:
        """Return the text of an audio, which is its job's if a job made it."""
        if audio.text is not None or audio.job_id is None:
            return audio.text or ""
        where = {"_id": audio.job_id, "user_id": audio.user_id}
        return "".join([job.text async for job in self.jobs.find(where, limit=1, without=("script", "search"))])


def _sounds(audio: Audio) -> Sequence[tuple[str, Revision]]:
    """Return the sound files of an audio by their names in an export, the current one first."""
    return [(f"revision-{revision.number}", revision) for revision in reversed(audio.revisions)]


def _further(audio: Audio) -> Mapping[str, str]:
    """Return the keys of the other objects of an audio by their names in an export."""
    keys = {"words": audio.times_key, "segments": audio.segments_key, "lossless": audio.lossless_key}
    return {name: key for name, key in keys.items() if key is not None}
