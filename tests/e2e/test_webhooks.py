"""Webhooks on a running platform: the receiver of a user gets the signed events of the user's jobs."""

from collections.abc import AsyncIterator

import pytest

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.receiver import Receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as found:
        yield found


async def test_events_of_a_job_reach_the_receiver_signed(ada: Person, receiver: Receiver) -> None:
    body = {"url": receiver.url, "events": ["job.completed", "rating.submitted"]}
    webhook = data(await ada.http.post("/webhooks", json=body), 201)
    job = await ada.queue("A webhook reports the end of this job.")
    [event async for event in ada.follow(job["id"])]
    audio_id = (await ada.job(job["id"]))["audio_id"]
    data(await ada.http.post("/feedback", json={"audio_id": audio_id, "rating": 5}), 201)
    await eventually(lambda: len(receiver.received) == 2, within=60)
    [completed] = receiver.of_type("job.completed")
    assert completed.content["data"]["audio_id"] == audio_id
    for request in receiver.received:
        request.verify(webhook["secret"])
    delivery = data(await ada.http.post(f"/webhooks/{webhook['id']}/test"), 202)
    await eventually(lambda: len(receiver.received) == 3, within=30)

    async def logged() -> bool:
        found = data(await ada.http.get(f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}"))
        return bool(found["status"] == "completed")

    await eventually(logged)


async def test_a_webhook_to_a_private_address_is_refused(ada: Person) -> None:
    for url in ("https://127.0.0.2/", "https://[::1]/", "https://10.0.0.1/", "https://[::ffff:10.0.0.1]/"):
        answer = await ada.http.post("/webhooks", json={"url": url, "events": ["job.failed"]})
        assert refusal(answer) == (422, "VALIDATION_ERROR")
