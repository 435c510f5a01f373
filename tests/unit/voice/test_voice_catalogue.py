"""Ids of voices that users send never name another route of the synthesis service."""

from typing import Any

import pytest

from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_voice.voice_catalogue import RemoteVoiceCatalogue


class Synthesis:
    """A client of the synthesis service that must not be asked."""

    async def request(self, method: str, path: str, **more: Any) -> None:
        raise AssertionError(path)


@pytest.mark.parametrize("voice_id", ["af_heart/preview", "af_heart/", "../voices/af_heart", "/"])
async def test_ids_with_a_slash_are_unknown(voice_id: str) -> None:
    client: Any = Synthesis()
    with pytest.raises(VoiceNotFoundError):
        await RemoteVoiceCatalogue(client).find(voice_id, "token")
