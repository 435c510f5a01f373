"""Content of voice model events."""

from typing import Literal

from echo_common.contracts.event import DomainEvent


class VoiceModelEvent(DomainEvent):
    """The complete state of a voice model, as consumers need it; the event with the highest `revision` is current.

    `reference` is the voice's name for `engine`: `object:KEY` for a style in object storage, or the engine's own name. While
    `usable`, the voice is available to its owner, to the users it is shared with and, if public, to everyone.
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
    sample_ids: tuple[str, ...] = ()
