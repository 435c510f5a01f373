"""Guests keep everything they own when they become users."""

from echo_common.ids import new_id
from tests.support.person import PASSWORD, Person, data
from tests.support.platform import Platform


async def test_an_upgraded_guest_keeps_its_audio(platform: Platform) -> None:
    async with Person.at(platform.url) as person:
        guest = data(await person.http.post("/auth/guest"), 201)
        person.http.headers["Authorization"] = f"Bearer {guest['access_token']}"
        result = await person.speak("Spoken by a guest.")
        body = {"email": f"{new_id('guest').lower()}@example.com", "password": PASSWORD}
        login = data(await person.http.post("/auth/guest/upgrade", json=body))
        assert login["user"]["id"] == guest["user"]["id"]
        person.http.headers["Authorization"] = f"Bearer {login['access_token']}"
        assert (await person.audio(result)).status_code == 200
