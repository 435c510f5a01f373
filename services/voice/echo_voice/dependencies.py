"""Dependencies of routes, use cases and event handlers."""

from dataclasses import dataclass

from echo_common.http.user_slots import UserSlots
from echo_common.quotas.counters import Quotas
from echo_common.recipients import Recipients
from echo_common.scratch import Scratch
from echo_common.storage.measured_size import MeasuredSize
from echo_common.storage.port import ObjectStore
from echo_common.user_data.erasure import UserErasure
from echo_common.user_data.export import ExportableUserData
from echo_common.vectors.port import VectorIndex
from echo_common.work.worker import Worker
from echo_voice.chat_model import ChatModel
from echo_voice.conversations.history import MessageHistory
from echo_voice.conversations.replies import Replies
from echo_voice.providers import Providers
from echo_voice.repository import AnonymousUploads, Consents, EchoRevisions, Echos, Phrases, Preferences, Samples, VoiceModels
from echo_voice.settings import VoiceSettings
from echo_voice.similarity import SpeakerEncoder
from echo_voice.speech_stream import SpeechStreams
from echo_voice.talk.conversations import SpokenConversations
from echo_voice.voice_catalogue import VoiceCatalogue


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of routes, use cases and event handlers, opened once."""

    settings: VoiceSettings
    samples: Samples
    models: VoiceModels
    consents: Consents
    phrases: Phrases
    echos: Echos
    echo_revisions: EchoRevisions
    preferences: Preferences
    anonymous_uploads: AnonymousUploads
    quotas: Quotas
    recipients: Recipients
    voices: VoiceCatalogue
    objects: ObjectStore
    vectors: VectorIndex
    encoder: SpeakerEncoder
    providers: Providers
    speech_streams: SpeechStreams
    replies: Replies
    history: MessageHistory
    talk: SpokenConversations
    recording_slots: UserSlots
    chat_model: ChatModel
    scratch: Scratch
    worker: Worker
    stored_bytes: MeasuredSize
    erasure: UserErasure
    user_data: ExportableUserData

    @property
    def sample_space(self) -> str:
        """Name of the vector collection of samples."""
        return f"samples-{self.encoder.name}"

    @property
    def voice_space(self) -> str:
        """Name of the vector collection of voices."""
        return voice_space(self.encoder)


def voice_space(encoder: SpeakerEncoder) -> str:
    """Return the name of the vector collection of voices."""
    return f"voices-{encoder.name}"
