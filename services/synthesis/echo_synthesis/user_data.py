"""The data of users in synthesis: its erasure."""

from dataclasses import dataclass

from echo_common.faults import FaultPoints
from echo_common.quotas.counters import Quotas
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import erase_matching
from echo_synthesis.access.tickets import Tickets
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.catalogue.clones import Clones
from echo_synthesis.domain import Audio, DictionaryEntry, Job, TextEntry
from echo_synthesis.provenance.records import ProvenanceRecords
from echo_synthesis.repository import AudioRepository, Dictionary, Jobs, Texts


@dataclass(frozen=True)
class SynthesisUserData:
    """Jobs, audio, texts, lexicons, tickets, provenance records, cached speech, and voices of users."""

    jobs: Jobs
    audio: AudioRepository
    texts: Texts
    dictionary: Dictionary
    tickets: Tickets
    provenance: ProvenanceRecords
    cache: SpeechCache
    clones: Clones
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
        await self.cache.erase(user_id)
        await self.quotas.erase(user_id)

    async def _remove_objects_of_job(self, job: Job) -> None:
        await self._remove_folder(job.audio_key)

    async def _remove_objects(self, audio: Audio) -> None:
        await self._remove_folder(audio.id)

    async def _remove_folder(self, audio_id: str) -> None:
        async for key in self.objects.keys(Audio.folder_of(audio_id)):
            await self.objects.delete(key)
