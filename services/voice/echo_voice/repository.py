"""Where voice keeps what it owns."""

from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, TypeVar

from echo_common.contracts.errors.voice import CloneNotFoundError, ConsentNotFoundError, EchoNotFoundError, SampleNotFoundError
from echo_common.contracts.values import JobStatus
from echo_common.leases import HeldLease, Lease
from echo_common.store.port import Filter, Index
from echo_common.store.repository import Repository
from echo_voice.domain.consents import Consent, Phrase
from echo_voice.domain.echos import Echo
from echo_voice.domain.samples import Sample
from echo_voice.domain.task import Task
from echo_voice.domain.voicemodels import Preference, VoiceModel

T = TypeVar("T", bound=Task)

_BY_OWNER = Index([("user_id", 1), ("created_at", -1)])
_BY_WORK = Index([("work", 1), ("created_at", 1)])
_PHRASE_SECONDS = 24 * 3600


class Tasks(Repository[T]):
    """Aggregates that wait for a worker, found by owner and by how their work stands."""

    def pending(self, limit: int, where: Filter) -> AsyncIterator[T]:
        """Those that have waited longest, of the ones asked for."""
        return self.find({"work": JobStatus.PENDING.value, **where}, sort=[("created_at", 1)], limit=limit)

    async def leases(self) -> Sequence[HeldLease]:
        """Return the leases of all work that workers do, expired or not."""
        found = self._documents.find({"work": JobStatus.PROCESSING.value}, fields=["version", "lease"])
        return [
            HeldLease(document["_id"], document["version"], Lease.model_validate(document["lease"])) async for document in found
        ]


class Samples(Tasks[Sample]):
    """Recordings."""

    aggregate = Sample
    name = "samples"
    missing = SampleNotFoundError
    indexes: ClassVar[Sequence[Index]] = (_BY_OWNER, _BY_WORK, Index([("original.checksum", 1)]))


class VoiceModels(Tasks[VoiceModel]):
    """Clones."""

    aggregate = VoiceModel
    name = "voice_models"
    missing = CloneNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        _BY_OWNER,
        _BY_WORK,
        Index([("consent_id", 1)]),
        Index([("made.reference", 1)], sparse=True),
    )


class Consents(Repository[Consent]):
    """Consents, kept as long as what they allowed may be asked about."""

    aggregate = Consent
    name = "consents"
    missing = ConsentNotFoundError
    indexes: ClassVar[Sequence[Index]] = (_BY_OWNER,)


class Phrases(Repository[Phrase]):
    """Consent phrases; each is good for a day."""

    aggregate = Phrase
    name = "consent_phrases"
    missing = ConsentNotFoundError
    indexes: ClassVar[Sequence[Index]] = (_BY_OWNER, Index([("created_at", 1)], ttl=_PHRASE_SECONDS))


class Preferences(Repository[Preference]):
    """Which voice each user has selected; the key is the user's."""

    aggregate = Preference
    name = "preferences"


class Echos(Repository[Echo]):
    """Personas."""

    aggregate = Echo
    name = "echos"
    missing = EchoNotFoundError
    indexes: ClassVar[Sequence[Index]] = (_BY_OWNER,)
