"""Content of echo events."""

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.event import DomainEvent

ECHO_PREFIX = "echo_"
"""Prefix of the ids of echos."""


class EchoPronunciation(BaseModel):
    """An echo's pronunciation of a term: a respelling, IPA, or both."""

    model_config = ConfigDict(frozen=True)

    term: str
    respelling: str | None = None
    ipa: str | None = None
    case_sensitive: bool = False


class EchoEvent(DomainEvent):
    """The complete state of an echo, as consumers need it; the event with the highest `revision` is current.

    `revision` is 0 in events of earlier versions, which have no state. `voice_id` is None for the user's selected voice, `language`
    for that of each text.
    """

    echo_id: str
    user_id: str
    revision: int = 0
    name: str = ""
    voice_id: str | None = None
    language: str | None = None
    speed: float = 1.0
    pitch: float = 1.0
    volume: float = 1.0
    style: str | None = None
    pronunciations: tuple[EchoPronunciation, ...] = ()
