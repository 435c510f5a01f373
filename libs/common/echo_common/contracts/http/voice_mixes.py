"""Request bodies of mixes: voices made of weighted voices."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from echo_common.contracts.http.base import Name, RequestBody
from echo_common.contracts.http.previews import PreviewRequest
from echo_common.contracts.http.voice import Language


class WeightedVoice(RequestBody):
    """A voice of a mix: a built-in one, or the user's own clone."""

    voice_id: str = Field(min_length=1, max_length=64, examples=["af_heart"])
    weight: float = Field(1.0, gt=0, le=1_000, description="Weight, relative to the sum of all weights.", examples=[2])


class VoiceMix(RequestBody):
    """Weighted voices."""

    voices: list[WeightedVoice] = Field(
        min_length=2,
        max_length=8,
        description="Voices of one engine: built-in ones, and the user's own clones.",
        examples=[[{"voice_id": "af_heart", "weight": 2}, {"voice_id": "bm_george", "weight": 1}]],
    )

    @model_validator(mode="after")
    def _require_two_voices(self) -> Self:
        if len({voice.voice_id for voice in self.voices}) == 1:
            raise ValueError("Name at least two different voices.")
        return self

    def shares(self) -> Mapping[str, float]:
        """Return the share of each voice, which add up to 1."""
        weights: dict[str, float] = {}
        for voice in self.voices:
            weights[voice.voice_id] = weights.get(voice.voice_id, 0.0) + voice.weight
        total = sum(weights.values())
        return {voice_id: weight / total for voice_id, weight in weights.items()}


class MixRequest(VoiceMix):
    """A voice to mix from others and to save."""

    name: Name = Field(examples=["Heart and George"])
    language: Language | None = Field(None, description="Language of the voice; that of the largest weight when absent.")


class MixPreviewRequest(PreviewRequest, VoiceMix):
    """A mix to hear without saving it."""
