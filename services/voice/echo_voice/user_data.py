"""The data of users in voice: its erasure."""

from dataclasses import dataclass

from echo_common.faults import FaultPoints
from echo_common.quotas.counters import Quotas
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import erase_matching
from echo_common.vectors.port import VectorIndex
from echo_voice.domain.consents import Consent, Phrase
from echo_voice.domain.echos import Echo
from echo_voice.domain.samples import Sample
from echo_voice.domain.voice_models import Preference, VoiceModel
from echo_voice.repository import Consents, Echos, Phrases, Preferences, Samples, VoiceModels


@dataclass(frozen=True)
class VoiceUserData:
    """Samples, voice models with their shares, consents, echos and selections of users.

    `voice_space` is the collection of voices in the vector index.
    """

    samples: Samples
    models: VoiceModels
    consents: Consents
    phrases: Phrases
    echos: Echos
    preferences: Preferences
    objects: ObjectStore
    vectors: VectorIndex
    voice_space: str
    faults: FaultPoints
    quotas: Quotas

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user. The provider's copies of voices stay with the provider, as after any deletion."""
        own = {"user_id": user_id}
        await erase_matching(self.models, own, VoiceModel.delete, self.faults, before=self._remove_voice)
        await erase_matching(self.samples, own, Sample.erase_with_owner, self.faults, before=self._remove_sample)
        await erase_matching(self.echos, own, Echo.delete, self.faults)
        await erase_matching(self.consents, own, Consent.erase, self.faults)
        await erase_matching(self.phrases, own, Phrase.erase, self.faults)
        await erase_matching(self.preferences, {"_id": user_id}, Preference.erase, self.faults)
        shared = [model.id async for model in self.models.find({"shared_with": user_id})]
        await erase_matching(self.models, {"shared_with": user_id}, lambda model: model.unshare(user_id), self.faults)
        for model_id in shared:
            if (model := await self.models.find_one({"_id": model_id})) is not None:
                await self._reindex(model)
        await self.quotas.erase(user_id)

    async def _reindex(self, model: VoiceModel) -> None:
        vector = await self.vectors.get(self.voice_space, model.id)
        if vector is not None:
            await self.vectors.put(self.voice_space, model.id, vector, {"access": model.access})

    async def _remove_voice(self, model: VoiceModel) -> None:
        await self.vectors.delete(self.voice_space, model.id)
        for folder in ("styles", "checkpoints"):
            await self._remove_folder(f"{folder}/{model.id}/")

    async def _remove_sample(self, sample: Sample) -> None:
        if sample.embedding is not None:
            await self.vectors.delete(sample.embedding, sample.id)
        await self._remove_folder(f"samples/{sample.id}/")

    async def _remove_folder(self, prefix: str) -> None:
        async for key in self.objects.keys(prefix):
            await self.objects.delete(key)
