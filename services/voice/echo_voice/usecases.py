"""What voice does: nothing yet."""

from dataclasses import dataclass

from echo_voice.settings import VoiceSettings


@dataclass(frozen=True)
class Dependencies:
    """What use cases work with."""

    settings: VoiceSettings
