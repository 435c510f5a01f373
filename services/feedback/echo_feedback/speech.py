"""Client of the synthesis service: the words of a user's audio, and their correction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

import structlog
from pydantic import ValidationError

from echo_common.contracts.errors.synthesis import AudioNotFoundError, SynthesisNotFoundError
from echo_common.contracts.http.segments import Pronunciation
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.http.client import RemoteError, ServiceClient
from echo_common.http.validation import invalid
from echo_feedback.domain.offers import Correction, DictionaryOffer
from echo_feedback.domain.ratings import Opinion

_LOOKUP_SECONDS: Final = 2.0
_ENTRY: Final = "dictionary_entry."
_log = structlog.get_logger("echo.offers")


class Speech(Protocol):
    """The speech of users, with the access of the user's own `token`."""

    async def find_offer(self, audio_id: str, opinion: Opinion, token: str) -> DictionaryOffer | None:
        """Return the offer of a dictionary entry for the range of an opinion; None if it cannot be made, or not in time."""

    async def correct(self, audio_id: str, offer: DictionaryOffer, correction: Correction, key: str, token: str) -> str:
        """Add the correction to the user's dictionary, have the segment spoken again, and return the id of the job.

        The same `key` returns the same job. Raises `AudioNotFoundError`, `RemoteError` with the refusal of the synthesis
        service, `ValidationError`, and `ServiceUnavailableError`: the job may then be queued.
        """


class NoSpeech(Speech):
    """No synthesis service: there are no offers."""

    async def find_offer(self, audio_id: str, opinion: Opinion, token: str) -> DictionaryOffer | None:
        """Return None."""
        return None

    async def correct(self, audio_id: str, offer: DictionaryOffer, correction: Correction, key: str, token: str) -> str:
        """Raise `ServiceUnavailableError`."""
        raise ServiceUnavailableError("The synthesis service is not configured. Set ECHO_FEEDBACK_SYNTHESIS_URL.")


class RemoteSpeech(Speech):
    """The speech of users in the synthesis service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def find_offer(self, audio_id: str, opinion: Opinion, token: str) -> DictionaryOffer | None:
        """Return the offer of a dictionary entry; see `Speech`."""
        if opinion.start_word is not None:
            place: dict[str, Any] = {"start_word": opinion.start_word, "end_word": opinion.end_word}
        else:
            place = {"start_time": opinion.start_time, "end_time": opinion.end_time}
        path = f"/tts/{quote(audio_id)}/pronunciation?{urlencode(place)}"
        try:
            found = await self._client.request("GET", path, headers=_authorize(token), seconds=_LOOKUP_SECONDS)
            return DictionaryOffer.model_validate(Pronunciation.model_validate(found), from_attributes=True)
        except RemoteError as error:
            _log.info("dictionary_offer_refused", code=error.code)
        except (EchoError, ValidationError):
            _log.warning("dictionary_offer_unavailable", exc_info=True)
        return None

    async def correct(self, audio_id: str, offer: DictionaryOffer, correction: Correction, key: str, token: str) -> str:
        """Have the segment spoken again with a dictionary entry; see `Speech`."""
        entry = {"term": offer.term, **correction.model_dump(exclude_none=True)}
        body = {"dictionary_entry": entry, "expected_checksum": offer.segment_checksum}
        path = f"/tts/{quote(audio_id)}/segments/{offer.segment}/regenerate"
        try:
            job = await self._client.request("POST", path, json=body, headers=_authorize(token) | {"Idempotency-Key": key})
        except RemoteError as error:
            raise _translate(error) from error
        return str(job["id"])


@asynccontextmanager
async def open_speech(url: str | None) -> AsyncIterator[Speech]:
    """Open the client of the synthesis service at a URL while the context lasts; without one, there are no offers."""
    if url is None:
        yield NoSpeech()
        return
    async with ServiceClient.open("synthesis", url) as client:
        yield RemoteSpeech(client)


def _authorize(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _translate(error: RemoteError) -> EchoError:
    """Return a refusal in terms of the request to this service."""
    if error.code == SynthesisNotFoundError.code:
        return AudioNotFoundError()
    if error.status == 422 and isinstance(error.details, list):
        details = [{**each, "field": str(each.get("field", "")).removeprefix(_ENTRY)} for each in error.details]
        return invalid(details)
    return error
