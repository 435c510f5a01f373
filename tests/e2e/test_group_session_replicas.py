"""A group session at two gateways and two listening processes, one of which is killed."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from echo_embedded.ports import free_port
from tests.e2e.test_playlists import track_of
from tests.support.eventually import eventually
from tests.support.live_socket import LiveSocket
from tests.support.person import Person, data
from tests.support.platform import Platform


@dataclass
class Replica:
    """A further gateway, and the listening process behind it."""

    url: str
    listening: subprocess.Popen[bytes]


@asynccontextmanager
async def replica_of(platform: Platform, folder: Path, **listening: str) -> AsyncIterator[Replica]:
    """Run another listening process and another gateway, with the settings of those of the platform."""
    service, gateway, internal = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    urls = {"ECHO_LISTEN": gateway, "ECHO_GATEWAY_INTERNAL_LISTEN": internal, "ECHO_GATEWAY_LISTENING_URL": service}
    with (
        another(platform, "listening", {"ECHO_LISTEN": service, **listening}, folder) as process,
        another(platform, "gateway", urls, folder) as front,
    ):
        # other workers of the suite may start a platform meanwhile
        await eventually(lambda: ready(service, process), within=90)
        await eventually(lambda: ready(internal, front), within=90)
        yield Replica(gateway, process)


@contextmanager
def another(platform: Platform, name: str, settings: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = psutil.Process(platform.pids()[name]).environ()
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"echo_{name}"], env={**environment, **settings}, stdout=log, stderr=log, cwd=folder
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"{url} ended before it was ready"
    with suppress(httpx.TransportError):
        async with httpx.AsyncClient() as http:
            return (await http.get(f"{url}/readyz")).is_success
    return False


def live(url: str, person: Person, session: dict[str, Any]) -> Any:
    return LiveSocket.open(
        f"{url}/api/v1/group-sessions/{session['id']}/live", {"Authorization": person.http.headers["Authorization"]}
    )


@pytest.mark.parametrize("platform", ["distributed"], indirect=True)
async def test_a_command_survives_the_process_that_stamps_it(
    platform: Platform, ada: Person, eve: Person, tmp_path: Path
) -> None:
    tracks = [(await track_of(ada, text))[1] for text in ("The first track.", "The second track.")]
    playlist = data(await ada.http.post("/playlists", json={"name": "Evening", "track_ids": tracks}), 201)
    body = {"name": "Friday", "playlist_id": playlist["id"], "display_name": "Ada"}
    session = data(await ada.http.post("/group-sessions", json=body), 201)
    data(await eve.http.post("/group-sessions/join", json={"code": session["code"], "display_name": "Eve"}))

    async def named() -> bool:
        return bool(data(await ada.http.get(f"/playlists/{playlist['id']}"))["session_id"])

    await eventually(named)  # no event is left that the other process could handle, and die of
    async with (
        replica_of(platform, tmp_path, ECHO_FAULT_POINT="relay.after_save_before_publish") as other,
        live(platform.url, ada, session) as host,
    ):
        async with live(other.url, eve, session) as guest:
            items = (await guest.until("items"))["items"]
            await host.send("play", id="1")
            started = await guest.until("snapshot", revision=2)
            await guest.send("ping", sent=1.0)
            assert (await guest.until("pong"))["now"] > started["at"] - 5_000  # one clock, whatever the process
            await host.send("reaction", id="2", reaction="!")
            await guest.until("reaction")

            # a position changes the state even when the short tracks have ended meanwhile
            await guest.send("seek", id="3", item_id=items[1]["item_id"], position=0)
            changed = await host.until("snapshot", revision=3)
            assert changed["item_id"] == items[1]["item_id"]
            assert await guest.closed() is not None
            assert guest.of_type("accepted") == []
        assert other.listening.wait(10) == -signal.SIGKILL

        async with live(platform.url, eve, session) as guest:
            rejoined = await guest.until("snapshot")
            assert {**rejoined, "now": 0} == {**changed, "now": 0}
            await guest.send("seek", id="4", item_id=items[0]["item_id"], position=0)
            assert (await host.until("snapshot", revision=4))["item_id"] == items[0]["item_id"]
