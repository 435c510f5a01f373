"""Captions of a playlist: read from synthesis as the owner, kept, and shared with those who may hear the tracks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from echo_common.captions import Cue, read_vtt, vtt
from echo_common.contracts.events.synthesis import AudioDeleted
from echo_common.contracts.values import PlaylistRole
from tests.integration.listening.conftest import ListeningClient, Start
from tests.integration.listening.test_tracks import revised
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.upstream import Exchange, Upstream


@dataclass
class Synthesis:
    """The synthesis service: it answers with the captions of each audio, one that names it."""

    upstream: Upstream = field(default_factory=Upstream)
    fails: bool = False

    def __post_init__(self) -> None:
        self.upstream.answer = self.answer

    async def answer(self, exchange: Exchange) -> None:
        await exchange.read()
        audio_id = exchange.asked.target.split("/")[2]
        if self.fails:
            await exchange.json({"code": "SERVICE_UNAVAILABLE", "message": "Later."}, 503)
        elif exchange.asked.header("authorization") is None:
            await exchange.json({"code": "UNAUTHENTICATED", "message": "No token."}, 401)
        else:
            body = "".join(vtt([Cue(0.5, 1.5, (audio_id,)), Cue(20.0, 21.0, ("Beyond the end.",))])).encode()
            await exchange.start(content_type="text/vtt", content_length=str(len(body)))
            await exchange.write(body, more=False)


@pytest.fixture
def synthesis() -> Synthesis:
    return Synthesis()


@pytest.fixture
async def ada(start: Start, synthesis: Synthesis) -> AsyncIterator[ListeningClient]:
    async with synthesis.upstream.serving() as url, start(synthesis_url=url, analyses_at_once=0) as client:
        yield client


async def playlist_of(client: ListeningClient, *track_ids: str) -> str:
    created = data(await client.ask("POST", "/playlists", json={"name": "Evening", "track_ids": list(track_ids)}), 201)
    return f"/playlists/{created['id']}"


async def captions_of(client: ListeningClient, path: str) -> list[Cue]:
    response = await client.ask("GET", f"{path}/captions.vtt")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/vtt; charset=utf-8")
    return list(read_vtt(response.text))


async def test_captions_have_the_times_of_the_stream(ada: ListeningClient, synthesis: Synthesis) -> None:
    first, second = await ada.speech(), await ada.speech()
    path = await playlist_of(ada, first["id"], second["id"], first["id"])

    expected = [Cue(10 * at + 0.5, 10 * at + 1.5, (each["audio_id"],)) for at, each in enumerate((first, second, first))]
    assert await captions_of(ada, path) == expected
    srt = (await ada.ask("GET", f"{path}/captions.srt")).text
    assert srt.startswith("1\n00:00:00,500 --> 00:00:01,500\n")
    assert f"3\n00:00:20,500 --> 00:00:21,500\n{first['audio_id']}\n" in srt
    assert len(synthesis.upstream.asked) == 2


async def test_captions_are_shared_once_their_owner_has_read_them(ada: ListeningClient, synthesis: Synthesis) -> None:
    eve = ada.acting_as("usr_eve")
    track = await ada.speech()
    path = await playlist_of(ada, track["id"])
    await ada.deps.playlists.change(path.split("/")[2], lambda held: held.set_collaborator("usr_eve", PlaylistRole.VIEWER))
    assert await captions_of(eve, path) == []
    assert not synthesis.upstream.asked
    assert [item["captions"] for item in (await eve.get(f"{path}/timeline"))["items"]] == [False]

    await captions_of(ada, path)

    assert await captions_of(eve, path) == [Cue(0.5, 1.5, (track["audio_id"],))]
    assert [item["captions"] for item in (await eve.get(f"{path}/timeline"))["items"]] == [True]
    assert len(synthesis.upstream.asked) == 1


async def test_captions_of_an_earlier_revision_are_replaced(ada: ListeningClient, synthesis: Synthesis) -> None:
    track = await ada.speech()
    path = await playlist_of(ada, track["id"])
    await captions_of(ada, path)
    await ada.publish(revised(track["audio_id"], duration=30.0))

    async def known() -> bool:
        return bool((await ada.get(f"{path}/timeline"))["duration"] == 30)

    await eventually(known)
    assert not (await ada.get(f"{path}/timeline"))["items"][0]["captions"]
    assert len(await captions_of(ada, path)) == 2
    assert len(synthesis.upstream.asked) == 2


async def test_without_synthesis_there_are_no_captions_yet(ada: ListeningClient, synthesis: Synthesis) -> None:
    path = await playlist_of(ada, (await ada.speech())["id"])
    synthesis.fails = True
    assert await captions_of(ada, path) == []
    synthesis.fails = False
    assert len(await captions_of(ada, path)) == 1


async def test_synthesis_is_asked_once_for_a_track_that_occurs_often(ada: ListeningClient, synthesis: Synthesis) -> None:
    path = await playlist_of(ada, *[(await ada.speech())["id"]] * 5)
    synthesis.fails = True
    assert await captions_of(ada, path) == []
    assert len(synthesis.upstream.asked) == 1


async def test_a_deleted_audio_leaves_no_captions(ada: ListeningClient) -> None:
    track = await ada.speech()
    await captions_of(ada, await playlist_of(ada, track["id"]))
    assert await ada.deps.captions.counters([track["id"]])
    await ada.publish(AudioDeleted(audio_id=track["audio_id"], user_id="usr_ada"))

    async def removed() -> bool:
        return not await ada.deps.captions.counters([track["id"]])

    await eventually(removed)


async def test_others_get_no_captions(ada: ListeningClient) -> None:
    path = await playlist_of(ada, (await ada.speech())["id"])
    for extension in ("vtt", "srt"):
        response = await ada.acting_as("usr_eve").ask("GET", f"{path}/captions.{extension}")
        assert refusal(response) == (404, "PLAYLIST_NOT_FOUND")
