"""Tests of the platform on a full disk."""

from pathlib import Path

from tests.support.disks import fill
from tests.support.eventually import eventually
from tests.support.person import PASSWORD, Person, refusal
from tests.support.platform import TONE, Platform, started

LONG = "Some words that take room on the disk. " * 400


async def degraded(platform: Platform) -> bool:
    health = await platform.health()
    return bool(health["status"] != "ok")


async def log_in_refused(visitor: Person, email: str) -> bool:
    answer = await visitor.http.post("/auth/login", json={"email": email, "password": PASSWORD})
    return not answer.is_success and refusal(answer) == (503, "STORAGE_FULL")


async def test_a_full_disk_refuses_only_writes_and_recovers(small_disk: Path, tmp_path: Path) -> None:
    settings = {**TONE, "ECHO_MINIMUM_FREE_BYTES": "1000000"}
    with started("embedded", tmp_path / "platform", settings=settings, data=small_disk / "data") as platform:
        async with Person.at(platform.url) as ada, Person.at(platform.url) as visitor:
            email = await ada.register()
            spoken = await ada.speak("Before the disk was full.")
            before = await ada.queue("Also before the disk was full.")
            acknowledged = [before["id"]]
            filler = fill(small_disk)

            async def queue_refused() -> bool:
                answer = await ada.http.post("/job", json={"text_content": LONG, "voice_model_id": "tone_low"})
                if answer.is_success:  # there was room left in files that are there
                    acknowledged.append(answer.json()["data"]["id"])
                    return False
                return refusal(answer) == (503, "STORAGE_FULL")

            await eventually(queue_refused, within=30)
            speech = {"text": "Nothing of this was spoken before.", "voice_id": "tone_low"}
            assert refusal(await ada.http.post("/tts/synthesize", json=speech)) == (503, "STORAGE_FULL")
            assert (await ada.http.get("/job")).status_code == 200
            assert (await ada.job(before["id"]))["id"] == before["id"]
            assert (await ada.audio(spoken)).status_code == 200
            await eventually(lambda: degraded(platform), within=30)
            assert (await ada.http.get(f"{platform.url}/health")).json()["status"] != "ok"
            await eventually(lambda: log_in_refused(visitor, email), within=30)

            filler.unlink()

            async def works() -> bool:
                answer = await visitor.http.post("/auth/login", json={"email": email, "password": PASSWORD})
                return answer.is_success

            await eventually(works, within=30)
            await ada.speak("There is space again.")
            acknowledged.append((await ada.queue("And jobs are taken again."))["id"])
            for job_id in acknowledged:
                events = [event async for event in ada.follow(job_id)]
                assert events[-2]["status"] == "completed", events[-2]

            async def well() -> bool:
                return not await degraded(platform)

            await eventually(well, within=30)
