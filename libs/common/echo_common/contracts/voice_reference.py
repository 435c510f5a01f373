"""References to voices, as voice publishes them and synthesis reads them, and the ids of voice models and samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

VOICE_MODEL_PREFIX = "vm_"
SAMPLE_PREFIX = "vs_"
MIX_PREFIX = "mix:"
"""Prefix of the names of mixes that are not saved."""
TRAINING_PREFIX = "training:"
"""Prefix of the names of voices as they are during their training."""
FISH_PREFIX = "fish_"
"""Prefix of the names of Fish Audio's models, which engines and providers share."""


@dataclass(frozen=True, slots=True)
class VoiceReference:
    """A voice's name for its engine.

    Written as `object:KEY` for a style in object storage, `file:PATH` for one on this machine, and otherwise as the engine's own
    name of the voice.
    """

    kind: Literal["object", "file", "name"]
    value: str

    @classmethod
    def parse(cls, text: str) -> "VoiceReference":
        """Read a written reference."""
        kind, separator, value = text.partition(":")
        if separator and kind == "object":
            return cls("object", value)
        if separator and kind == "file":
            return cls("file", value)
        return cls("name", text)

    def __str__(self) -> str:
        """Write the reference."""
        return self.value if self.kind == "name" else f"{self.kind}:{self.value}"

    @property
    def provider_id(self) -> str | None:
        """The provider's own id of the voice; None if the provider does not store it."""
        return self.value.removeprefix(FISH_PREFIX) if self.kind == "name" else None


def references_of(provider_id: str) -> Sequence[str]:
    """Return the written references that a provider's id may have."""
    return [provider_id, f"{FISH_PREFIX}{provider_id}"]


def present_style_key(voice_model_id: str, job_id: str) -> str:
    """Return the key of the style that a voice has during a training; the object exists only while the training runs."""
    return f"styles/{voice_model_id}/{job_id}-present"
