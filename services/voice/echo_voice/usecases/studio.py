"""Dependencies and helpers of the use cases."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from echo_common.auth.principal import Principal
from echo_common.errors import ValidationError
from echo_common.http.pagination import Page
from echo_common.outbox.repository import A, Repository
from echo_common.scratch import Scratch
from echo_common.storage.port import ObjectStore
from echo_common.vectors.port import VectorIndex
from echo_voice.likeness import SpeakerEncoder
from echo_voice.providers import Providers
from echo_voice.repository import AnonymousUploads, Consents, Echos, Phrases, Preferences, Samples, VoiceModels
from echo_voice.settings import VoiceSettings

ORDERS = ("created_at", "updated_at", "name")
"""Fields by which samples and voice models can be sorted."""


@dataclass(frozen=True)
class Studio:
    """The dependencies of the use cases."""

    settings: VoiceSettings
    samples: Samples
    models: VoiceModels
    consents: Consents
    phrases: Phrases
    echos: Echos
    preferences: Preferences
    anonymous_uploads: AnonymousUploads
    objects: ObjectStore
    vectors: VectorIndex
    encoder: SpeakerEncoder
    providers: Providers
    scratch: Scratch

    @property
    def sample_space(self) -> str:
        """Name of the vector collection of samples."""
        return f"samples-{self.encoder.name}"

    @property
    def voice_space(self) -> str:
        """Name of the vector collection of voices."""
        return f"voices-{self.encoder.name}"


async def page_of(
    repository: Repository[A], principal: Principal, page: Page, filters: Mapping[str, str | None]
) -> tuple[list[A], int]:
    """Return a page of the user's items, newest first by default, and their total number."""
    where: dict[str, Any] = {"user_id": principal.user_id}
    where.update({field: value for field, value in filters.items() if value is not None})
    found = repository.find(where, sort=[(page.sort_by, page.direction)], skip=page.offset, limit=page.limit)
    return [item async for item in found], await repository.count(where)


def refuse(field: str, message: str) -> NoReturn:
    """Raise a `ValidationError` about one field of a request."""
    raise ValidationError(message, details=[{"field": field, "message": message}])
