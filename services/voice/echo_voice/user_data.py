"""The data of users in voice: its erasure and its export."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.faults import FaultPoints
from echo_common.quotas.counters import Quotas
from echo_common.storage.port import ObjectInfo, ObjectNotFoundError, ObjectStore
from echo_common.store.port import Filter
from echo_common.user_data.erasure import erase_matching
from echo_common.user_data.export import extension_of, file_name
from echo_common.vectors.port import VectorIndex
from echo_voice.conversations.history import MessageHistory
from echo_voice.domain.consents import Consent, Phrase
from echo_voice.domain.echos import Echo, EchoRevision
from echo_voice.domain.samples import Sample, StoredFile
from echo_voice.domain.voice_models import Preference, VoiceModel
from echo_voice.repository import Consents, EchoRevisions, Echos, Phrases, Preferences, Samples, VoiceModels
from echo_voice.views import clone_view, consent_view, echo_revision_view, echo_view, message_view, sample_view, trainings_view

_OLDEST: Final = (("created_at", 1),)
_ORIGINAL: Final = "original"
_PROCESSED: Final = "processed"
_STYLE: Final = "style"


@dataclass(frozen=True)
class VoiceUserData:
    """Samples, voice models with their shares, consents, echos with their revisions and messages, and selections of users.

    `voice_space` is the collection of voices in the vector index.
    """

    samples: Samples
    models: VoiceModels
    consents: Consents
    phrases: Phrases
    echos: Echos
    echo_revisions: EchoRevisions
    preferences: Preferences
    history: MessageHistory
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
        await self.history.erase(own)
        await erase_matching(self.echos, own, Echo.delete, self.faults)
        await erase_matching(self.echo_revisions, own, EchoRevision.erase, self.faults)
        await erase_matching(self.consents, own, Consent.erase, self.faults)
        await erase_matching(self.phrases, own, Phrase.erase, self.faults)
        await erase_matching(self.preferences, {"_id": user_id}, Preference.erase, self.faults)
        await erase_matching(
            self.models,
            {"shared_with": user_id},
            lambda model: model.unshare(user_id),
            self.faults,
            before=partial(self._remove_access, user_id),
        )
        await self.quotas.erase(user_id)

    async def _remove_access(self, user_id: str, model: VoiceModel) -> None:
        model.unshare(user_id)
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

    async def export(self, user_id: str) -> AsyncIterator[ExportedDocument | ExportedObject]:
        """Yield samples, voice models with their trainings, consents, echos with their revisions and messages, and the selected voice; then files."""
        own = {"user_id": user_id}
        async for sample in self.samples.find(own, sort=_OLDEST):
            yield ExportedDocument(collection="samples", fields=sample_view(sample).model_dump(mode="json"))
        async for model in self.models.find(own, sort=_OLDEST):
            trainings = [training.model_dump(mode="json") for training in trainings_view(model)]
            fields = {**clone_view(model).model_dump(mode="json"), "trainings": trainings}
            yield ExportedDocument(collection="voice_models", fields=fields)
        async for consent in self.consents.find(own, sort=_OLDEST):
            yield ExportedDocument(collection="consents", fields=consent_view(consent).model_dump(mode="json"))
        async for echo in self.echos.find(own, sort=_OLDEST):
            yield ExportedDocument(collection="echos", fields=echo_view(echo).model_dump(mode="json"))
        async for revision in self.echo_revisions.find(own, sort=(("echo_id", 1), ("revision", 1))):
            yield ExportedDocument(collection="echo_revisions", fields=echo_revision_view(revision).model_dump(mode="json"))
        async for document in self._export_conversations(own):
            yield document
        if (preference := await self.preferences.find_one({"_id": user_id})) is not None:
            yield ExportedDocument(collection="voice_selection", fields={"voice_id": preference.voice_id})
        async for item in self._export_objects(own):
            yield item

    async def _export_conversations(self, own: Filter) -> AsyncIterator[ExportedDocument]:
        async for conversation in self.history.conversations.find(own, sort=_OLDEST):
            fields = {"echo_id": conversation.echo_id, "summary": conversation.summary}
            yield ExportedDocument(collection="conversations", fields=fields)
        async for message in self.history.messages.find(own, sort=_OLDEST, without=("search",)):
            yield ExportedDocument(collection="messages", fields=message_view(message).model_dump(mode="json"))

    async def _export_objects(self, own: Filter) -> AsyncIterator[ExportedObject]:
        async for sample in self.samples.find(own, sort=_OLDEST):
            for part, file in _files_of(sample).items():
                yield _sample_object(sample, part, file)
        async for model in self.models.find(own, sort=_OLDEST):
            with suppress(ObjectNotFoundError):  # the provider stores the voice, or it was deleted meanwhile
                yield _style_object(model, await self._style(model))

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo:
        """Return a sample's file or a voice model's style. Raises `ObjectNotFoundError`, also for another user's."""
        owner_id, _, part = object_id.partition("/")
        where = {"_id": owner_id, "user_id": user_id}
        if part == _STYLE and (model := await self.models.find_one(where)) is not None:
            return await self._style(model)
        if (sample := await self.samples.find_one(where)) is not None and part in (files := _files_of(sample)):
            return ObjectInfo(**files[part].model_dump())
        raise ObjectNotFoundError

    async def _style(self, model: VoiceModel) -> ObjectInfo:
        if model.made is None or model.made.voice.kind != "object":
            raise ObjectNotFoundError
        return await self.objects.info(model.made.voice.value)


def _files_of(sample: Sample) -> dict[str, StoredFile]:
    files = {_ORIGINAL: sample.original, _PROCESSED: sample.processed}
    return {part: file for part, file in files.items() if file is not None}


def _sample_object(sample: Sample, part: str, file: StoredFile) -> ExportedObject:
    extension = extension_of(file.mime) if part == _ORIGINAL else f"{part}.{extension_of(file.mime)}"
    return ExportedObject(
        id=f"{sample.id}/{part}",
        name=file_name("samples", sample.name, sample.id, extension, sample.created_at),
        created_at=sample.created_at,
        **file.model_dump(include={"size", "checksum", "mime"}),
    )


def _style_object(model: VoiceModel, info: ObjectInfo) -> ExportedObject:
    return ExportedObject(
        id=f"{model.id}/{_STYLE}",
        name=file_name("voices", model.name, model.id, "style", model.created_at),
        size=info.size,
        checksum=info.checksum,
        mime=info.mime,
        created_at=model.created_at,
    )
