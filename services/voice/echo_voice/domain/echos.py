"""Echos: personas with a voice, without their conversations."""

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.voice import EchoCreated, EchoDeleted
from echo_common.ids import new_id


class Echo(Aggregate):
    """A persona with a voice."""

    user_id: str
    name: str
    persona_prompt: str = ""
    voice_model_id: str | None = None
    language: str | None = None
    greeting: str | None = None
    client_user_id: str | None = None
    """User id that a client of the Echo API sent without a token."""

    @classmethod
    def create(
        cls,
        user_id: str,
        name: str,
        persona_prompt: str,
        voice_model_id: str | None,
        *,
        client_user_id: str | None = None,
    ) -> "Echo":
        """Create an echo."""
        echo = cls(
            id=new_id("echo"),
            user_id=user_id,
            name=name,
            persona_prompt=persona_prompt,
            voice_model_id=voice_model_id,
            client_user_id=client_user_id,
        )
        echo.record(EchoCreated(echo_id=echo.id, user_id=user_id))
        return echo

    def use_voice(self, voice_model_id: str) -> None:
        """Speak with this voice model."""
        self.voice_model_id = voice_model_id

    def leave_voice(self, voice_model_id: str) -> None:
        """Have no voice any more, unless the echo has another voice model than this."""
        if self.voice_model_id == voice_model_id:
            self.voice_model_id = None

    def delete(self) -> None:
        """Delete the echo."""
        self.record(EchoDeleted(echo_id=self.id, user_id=self.user_id))
        self.erase()
