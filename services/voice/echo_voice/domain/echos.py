"""Echos: personas with a voice, and their earlier states."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, model_validator

from echo_common.aggregate import Aggregate
from echo_common.contracts.echo import ECHO_PREFIX, EchoEvent, EchoPronunciation
from echo_common.contracts.events.voice import EchoChanged, EchoCreated, EchoDeleted
from echo_common.ids import new_id

EARLIER_VOICE_FIELD = "voice_model_id"
"""Name of the voice in documents of earlier versions."""

KEPT_REVISIONS = 100
"""Number of earlier revisions that are kept of an echo."""


class Persona(BaseModel):
    """The fields of an echo that its owner sets.

    Without a `voice_id` the echo speaks in the owner's selected voice, without a `language` in that of each text.
    """

    name: str
    persona_prompt: str = ""
    voice_id: str | None = None
    language: str | None = None
    greeting: str | None = None
    speed: float = 1.0
    pitch: float = 1.0
    volume: float = 1.0
    style: str | None = None
    pronunciations: tuple[EchoPronunciation, ...] = ()


class Echo(Persona, Aggregate):
    """A persona with a voice.

    `revision` counts its states; 0 for an echo of an earlier version, until its state is announced. `search` is the name, case
    folded.
    """

    user_id: str
    revision: int = 0
    search: str = ""
    client_user_id: str | None = None
    """User id that a client of the Echo API sent without a token."""

    @model_validator(mode="before")
    @classmethod
    def _rename_voice(cls, document: Any) -> Any:
        """Read the voice of an echo that an earlier version stored."""
        if isinstance(document, Mapping) and EARLIER_VOICE_FIELD in document:
            return {**document, "voice_id": document[EARLIER_VOICE_FIELD]}
        return document

    @classmethod
    def create(cls, user_id: str, persona: Persona, *, client_user_id: str | None = None) -> "Echo":
        """Create an echo."""
        echo = cls(
            **dict(persona),
            id=new_id(ECHO_PREFIX.rstrip("_")),
            user_id=user_id,
            search=persona.name.casefold(),
            client_user_id=client_user_id,
        )
        echo._record_state(EchoCreated)
        return echo

    @property
    def persona(self) -> Persona:
        """The fields that its owner sets."""
        return Persona(**{name: getattr(self, name) for name in Persona.model_fields})

    def revise(self, persona: Persona) -> None:
        """Replace the persona, in a new revision unless it is the same."""
        if persona == self.persona:
            return
        for name, value in persona:
            setattr(self, name, value)
        self.search = persona.name.casefold()
        self._record_state(EchoChanged)

    def announce(self) -> None:
        """Publish the state of an echo that an earlier version created, as its first revision."""
        if self.revision == 0:
            self.search = self.name.casefold()
            self._record_state(EchoChanged)

    def use_voice(self, voice_id: str | None) -> None:
        """Speak with this voice."""
        self.revise(self.persona.model_copy(update={"voice_id": voice_id}))

    def leave_voice(self, voice_id: str) -> None:
        """Have no voice any more, unless the echo has another voice than this."""
        if self.voice_id == voice_id:
            self.use_voice(None)

    def delete(self) -> None:
        """Delete the echo."""
        self.record(EchoDeleted(echo_id=self.id, user_id=self.user_id))
        self.erase()

    def _record_state(self, event: type[EchoEvent]) -> None:
        self.revision += 1
        state = self.model_dump(include=EchoEvent.model_fields.keys() & Persona.model_fields.keys())
        self.record(event(**state, echo_id=self.id, user_id=self.user_id, revision=self.revision))


class EchoRevision(Persona, Aggregate):
    """An earlier state of an echo; `created_at` is the time at which it began."""

    echo_id: str
    user_id: str
    revision: int

    @classmethod
    def of(cls, echo: Echo) -> "EchoRevision":
        """Return the present state of an echo; the same for the same revision."""
        return cls(
            **dict(echo.persona),
            id=cls.id_of(echo.id, echo.revision),
            created_at=_began(echo),
            echo_id=echo.id,
            user_id=echo.user_id,
            revision=echo.revision,
        )

    @staticmethod
    def id_of(echo_id: str, revision: int) -> str:
        """Return the id of a revision."""
        return f"{echo_id}-{revision}"

    @property
    def persona(self) -> Persona:
        """The fields that the owner set."""
        return Persona(**{name: getattr(self, name) for name in Persona.model_fields})


def _began(echo: Echo) -> datetime:
    """Return the time at which the present state of an echo began: every change of an echo is a new revision."""
    return echo.created_at if echo.revision == 1 else echo.updated_at
