"""What facts about voice models carry."""

from typing import Literal

from echo_common.contracts.event import DomainEvent


class VoiceModelFact(DomainEvent):
    """What whoever speaks with a voice model must know of it, whole: the fact with the highest `revision` is the truth.

    `reference` is what `engine` calls the voice: `object:KEY` for a style in object storage, or the engine's own name.
    One may speak with it while `usable`: if it is one's own, public, or shared with one.
    """

    voice_model_id: str
    user_id: str
    revision: int
    name: str
    provider: str
    engine: str
    reference: str
    language: str
    gender: Literal["female", "male", "neutral"]
    public: bool
    shared_with: tuple[str, ...]
    usable: bool
