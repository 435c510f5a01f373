"""Invalid input gets the documented status and code, never a 500, and leaves no partial data."""

from typing import Any

import httpx
import pytest

from tests.support.issuer import Issuer
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform

SPEAKING = ("/tts/synthesize", "/tts/synthesize/async", "/tts/synthesize/stream")
GOOD = {"text": "Fine.", "voice_id": "tone_low"}
BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "no text": ({"voice_id": "tone_low"}, 422, "VALIDATION_ERROR"),
    "empty text": (GOOD | {"text": ""}, 422, "VALIDATION_ERROR"),
    "a text of blanks": (GOOD | {"text": " \n "}, 422, "VALIDATION_ERROR"),
    "a text over the limit": (GOOD | {"text": "word " * 20_001}, 422, "VALIDATION_ERROR"),
    "an unknown voice": (GOOD | {"voice_id": "nobody"}, 404, "VOICE_NOT_FOUND"),
    "a voice that is no name": (GOOD | {"voice_id": "../etc"}, 422, "VALIDATION_ERROR"),
    "an unsupported format": (GOOD | {"config": {"output_format": "midi"}}, 422, "VALIDATION_ERROR"),
    "an unsupported rate": (GOOD | {"config": {"sample_rate": 7_999}}, 422, "VALIDATION_ERROR"),
    "a speed beyond reason": (GOOD | {"config": {"speed": 100}}, 422, "VALIDATION_ERROR"),
    "a field nobody knows": (GOOD | {"tempo": 1}, 422, "VALIDATION_ERROR"),
    "a text that is a number": (GOOD | {"text": 5}, 422, "VALIDATION_ERROR"),
}


@pytest.mark.parametrize("case", BAD)
async def test_unspeakable_texts_are_refused_and_leave_no_data(case: str, ada: Person) -> None:
    body, status, code = BAD[case]

    answers = [await ada.http.post(path, json=body) for path in SPEAKING]

    assert [refusal(answer) for answer in answers] == [(status, code)] * len(SPEAKING)
    assert data(await ada.http.get("/job")) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "VALIDATION_ERROR"),
        (b"[]", "VALIDATION_ERROR"),
        (b'{"text": "\\ud800", "voice_id": "tone_low"}', "VALIDATION_ERROR"),
        (b"{", "INVALID_JSON"),
        (b"hello", "INVALID_JSON"),
        (b"\xff\xfe", "INVALID_JSON"),
    ],
)
async def test_invalid_bodies_are_refused(body: bytes, code: str, ada: Person) -> None:
    for path in SPEAKING:
        answer = await ada.http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert refusal(answer) == (422, code), (path, answer.text)


async def test_json_without_its_content_type_is_refused_with_the_missing_header(platform: Platform, ada: Person) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await ada.http.post("/tts/synthesize", content=b'{"text": "Fine."}', headers=form)
    plain = await ada.http.post(f"{platform.url}/api/synthesize", content=b'{"text": "Fine."}', headers=form)

    assert refusal(answer) == (415, "JSON_REQUIRED")
    assert plain.status_code == 415
    assert "-H 'Content-Type: application/json'" in plain.json()["error"]


async def test_unknown_query_parameters_are_refused(ada: Person) -> None:
    for path in ("/voices", "/job", "/health", "/users/me", "/job/job_01K9ZX3V5T4S2R1Q0P9N8M7K6J/progress"):
        answer = await ada.http.get(path, params={"bogus": "1"})
        assert refusal(answer) == (422, "VALIDATION_ERROR"), path
        assert answer.json()["error"]["message"].startswith("bogus: There is no such query parameter"), path


async def test_public_health_is_short(platform: Platform) -> None:
    async with Person.at(platform.url) as nobody:
        answer = await nobody.http.get("/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_oversized_bodies_are_refused(ada: Person) -> None:
    answer = await ada.http.post("/tts/synthesize", json=GOOD | {"text": "a" * 5_000_000})

    assert refusal(answer) == (413, "BODY_TOO_LARGE")


async def test_synthesis_requires_a_login(platform: Platform) -> None:
    async with Person.at(platform.url) as nobody:
        for path in SPEAKING:
            assert refusal(await nobody.http.post(path, json=GOOD)) == (401, "UNAUTHENTICATED")


async def test_forged_and_expired_tokens_are_refused(ada: Person) -> None:
    genuine = ada.http.headers["Authorization"].removeprefix("Bearer ")
    header, claims, signature = genuine.split(".")
    forgeries = {
        "not a token": "abc",
        "another's signature": f"{header}.{claims}.{signature[:-6]}AAAAAA",
        "no signature": f"{header}.{claims}.",
        "another key": Issuer().token(),
        "another key, expired": Issuer().token(lasts=-60),
    }
    for case, token in forgeries.items():
        answer = await ada.http.post("/tts/synthesize", json=GOOD, headers={"Authorization": f"Bearer {token}"})
        assert refusal(answer)[0] == 401, case


async def test_a_log_out_takes_effect_everywhere(ada: Person) -> None:
    assert (await ada.http.post("/auth/logout")).is_success

    async def refused() -> bool:
        return (await ada.http.get("/job")).status_code == 401

    from tests.support.eventually import eventually

    await eventually(refused, within=5)


async def test_resources_of_other_users_are_not_found(ada: Person, eve: Person) -> None:
    job = await ada.queue("Mine alone.")
    [_ async for _ in ada.follow(job["id"])]
    result = (await ada.job(job["id"]))["result"]

    answers: dict[str, httpx.Response] = {
        "look": await eve.http.get(f"/job/{job['id']}"),
        "follow": await eve.http.get(f"/job/{job['id']}/progress"),
        "cancel": await eve.http.patch(f"/job/{job['id']}", json={"status": "cancelled"}),
        "delete": await eve.http.delete(f"/job/{job['id']}"),
        "listen": await eve.audio(result),
    }

    codes = {name: refusal(answer) for name, answer in answers.items()}
    assert codes == {
        **dict.fromkeys(("look", "follow", "cancel", "delete"), (404, "JOB_NOT_FOUND")),
        "listen": (404, "AUDIO_NOT_FOUND"),
    }
    assert (await ada.audio(result)).is_success


async def test_unknown_paths_are_not_found(ada: Person) -> None:
    assert refusal(await ada.http.get("/nowhere")) == (404, "NOT_FOUND")
    assert refusal(await ada.http.put("/tts/synthesize", json=GOOD)) == (405, "METHOD_NOT_ALLOWED")
