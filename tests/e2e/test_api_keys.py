"""API keys are accepted wherever an access token is."""

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform

READER = {"name": "Reader", "scopes": ["speech:read"]}


async def test_a_program_works_with_an_api_key_until_it_is_deleted(platform: Platform, ada: Person) -> None:
    key = data(await ada.http.post("/auth/keys", json={"name": "Build", "scopes": ["speech:read", "speech:write"]}), 201)
    async with Person.at(platform.url) as program:
        program.http.headers["X-API-Key"] = key["key"]
        result = await program.speak("Spoken by a program.")
        assert (await program.audio(result)).status_code == 200
        assert (await ada.audio(result)).status_code == 200, "both are one user"
        assert refusal(await program.http.get("/voice/samples")) == (403, "FORBIDDEN")
        assert refusal(await program.http.post("/auth/keys", json=READER)) == (403, "FORBIDDEN")

        program.http.headers["Authorization"] = f"Bearer {key['key']}"
        del program.http.headers["X-API-Key"]
        assert (await program.audio(result)).status_code == 200

        (listed,) = data(await ada.http.get("/auth/keys"))
        assert listed["last_used_at"] is not None
        assert (await ada.http.delete(f"/auth/keys/{key['id']}")).is_success

        async def refused() -> bool:
            responses = [await program.http.get("/job") for _ in range(4)]  # every replica knows
            return all(r.status_code == 401 and refusal(r) == (401, "INVALID_API_KEY") for r in responses)

        await eventually(refused, within=5)


async def test_a_key_with_a_scope_that_its_creator_lacks_is_refused(ada: Person) -> None:
    assert refusal(await ada.http.post("/auth/keys", json=READER | {"scopes": ["admin"]})) == (403, "SCOPE_NOT_HELD")
    assert data(await ada.http.get("/auth/keys")) == []
