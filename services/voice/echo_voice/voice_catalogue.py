"""Client of the synthesis service: the voices that a user may use there."""

from typing import Final, Protocol
from urllib.parse import quote

from pydantic import ValidationError

from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.http.synthesis import Voice
from echo_common.errors import ServiceUnavailableError
from echo_common.http.client import RemoteError, ServiceClient

_LOOKUP_SECONDS: Final = 5.0


class VoiceCatalogue(Protocol):
    """The voices of synthesis, with the access of the user's own `token`."""

    async def find(self, voice_id: str, token: str) -> Voice | None:
        """Return a voice; None if it cannot be looked up, because no synthesis service is configured.

        Raises `VoiceNotFoundError`, `RemoteError` with another refusal of the synthesis service, `ServiceUnavailableError`.
        """
        ...


class NoVoiceCatalogue(VoiceCatalogue):
    """No synthesis service: voices cannot be looked up."""

    async def find(self, voice_id: str, token: str) -> Voice | None:
        """Return None."""
        return None


class RemoteVoiceCatalogue(VoiceCatalogue):
    """The voices of the synthesis service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def find(self, voice_id: str, token: str) -> Voice | None:
        """Return a voice; see `VoiceCatalogue`."""
        if "/" in voice_id:  # even quoted, it would name another route, which may cost a synthesis
            raise VoiceNotFoundError(f"There is no voice {voice_id!r}; GET /api/v1/voices lists them.")
        headers = {"Authorization": f"Bearer {token}"}
        try:
            found = await self._client.request(
                "GET", f"/voices/{quote(voice_id, safe='')}", headers=headers, seconds=_LOOKUP_SECONDS
            )
            return Voice.model_validate(found)
        except RemoteError as error:
            if error.code == VoiceNotFoundError.code:
                raise VoiceNotFoundError(error.message) from error
            raise
        except ValidationError as error:
            raise ServiceUnavailableError("synthesis sent an invalid response.") from error
