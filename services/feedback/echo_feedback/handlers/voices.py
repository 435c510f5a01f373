"""Event handlers of the read model of access to voice models."""

from echo_common.contracts.events.voice import (
    VoiceModelDeleted,
    VoiceModelReady,
    VoiceModelShared,
    VoiceModelUnshared,
    VoiceModelWithdrawn,
)
from echo_common.contracts.voice_model import VoiceModelEvent
from echo_feedback.dependencies import Dependencies
from echo_feedback.handlers.handle import Handlers


async def store_access(event: VoiceModelEvent, dependencies: Dependencies) -> None:
    """Store the users of the voice model."""
    await dependencies.voices.apply(event)


HANDLERS: Handlers = dict.fromkeys(
    (VoiceModelReady, VoiceModelShared, VoiceModelUnshared, VoiceModelWithdrawn, VoiceModelDeleted), store_access
)
