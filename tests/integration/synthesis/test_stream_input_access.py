"""Access to streams of a text that is still being written: tokens, tickets, sessions and quotas."""

from math import ceil

import aiohttp
import pytest

from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan
from tests.support.eventually import eventually
from tests.support.stream_input import joined, spoken
from tests.support.synthesis_replica import principal_of
from tests.support.synthesis_server import StartSynthesis, SynthesisServer


async def test_a_token_with_the_scope_is_required(synthesis_server: SynthesisServer) -> None:
    for headers, status in [
        ({"X": "1"}, 401),
        (synthesis_server.bearer(scope="speech:read"), 403),
        ({"Authorization": "Bearer wrong"}, 401),
    ]:
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            async with joined(synthesis_server, headers=headers):
                pass
        assert error.value.status == status


async def test_a_ticket_opens_one_stream(synthesis_server: SynthesisServer) -> None:
    ticket = await synthesis_server.deps.tickets.issue(principal_of("usr_ada"))
    async with joined(synthesis_server, headers={"X": "1"}, query=f"?ticket={ticket}") as client:
        await client.start()
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        async with joined(synthesis_server, headers={"X": "1"}, query=f"?ticket={ticket}"):
            pass
    assert error.value.status == 401


async def test_a_revoked_session_closes_its_streams(synthesis_server: SynthesisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_synthesis.api.stream_input._VERIFY_SECONDS", 0.05)
    async with joined(synthesis_server) as client:
        await client.start()
        synthesis_server.issuer.revoked_sessions.append("ses_1")
        heard = await client.rest()
    assert (heard.last["code"], heard.close_code) == ("UNAUTHENTICATED", 1008)


async def test_a_stream_counts_as_one_synthesis_with_its_characters_and_seconds(synthesis_server: SynthesisServer) -> None:
    heard = await spoken(synthesis_server, "Hello there. How are you?")
    used = await synthesis_server.deps.quotas.usage(principal_of("usr_ada"))
    assert (used[Metric.SYNTHESES], used[Metric.CHARACTERS]) == (1, 25)
    assert used[Metric.AUDIO_SECONDS] == ceil(heard.last["duration"])
    async with joined(synthesis_server) as client:  # nothing is spoken
        await client.start()
        await client.send("cancel")
        await client.rest()
    assert await synthesis_server.deps.quotas.usage(principal_of("usr_ada")) == used


async def test_a_stream_ends_when_a_quota_is_used_up(start_synthesis: StartSynthesis) -> None:
    limit = {QUOTAS[Metric.CHARACTERS][Plan.USER].key: 20}
    async with start_synthesis(system_settings=limit) as server:
        ada = principal_of("usr_ada")
        await eventually(lambda: server.deps.quotas.limit(Metric.CHARACTERS, ada) == 20)
        heard = await spoken(server, "Hello there. How are you? Fine.")
    assert [word["word"] for word in heard.words] == ["Hello", "there"]
    assert (heard.last["code"], heard.close_code) == ("QUOTA_EXCEEDED", 1008)
