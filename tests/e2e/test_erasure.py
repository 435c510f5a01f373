"""A deleted account leaves nothing in any service."""

import asyncio

from tests.support.eventually import eventually
from tests.support.owned_data import OwnedData
from tests.support.person import PASSWORD, Person, data
from tests.support.platform import Platform

MANY = 100


async def test_a_deleted_account_is_erased_in_every_service(platform: Platform, admin: Person, eve: Person) -> None:
    async with Person.at(platform.url) as owner:
        owned = await OwnedData.of(owner)
        texts = [owner.http.post("/texts", json={"content": f"Text {number}."}) for number in range(MANY)]
        for answer in await asyncio.gather(*texts):
            data(answer, 201)
        me = data(await eve.http.get("/users/me"))["id"]
        data(await owner.http.post(f"/voices/{owned.ids['clone_id']}/shares", json={"user_id": me}))

        async def shared() -> bool:
            return (await eve.http.get(f"/voices/{owned.ids['clone_id']}")).is_success

        await eventually(shared)
        requested = data(await owner.http.request("DELETE", "/users/me", json={"password": PASSWORD}), 202)

        async def completed() -> bool:
            report = data(await admin.http.get(f"/admin/erasures/{requested['id']}"))
            return report["completed_at"] is not None and not report["waiting_for"]

        await eventually(completed, within=60)

        async def refused() -> bool:
            return (await owner.http.get("/users/me")).status_code == 401

        await eventually(refused, within=5)
        assert (await owner.http.post("/auth/login", json={"email": owned.email, "password": PASSWORD})).status_code == 401
    assert data(await admin.http.get("/admin/users", params={"search": owned.email})) == []
    for path in ("job/{job_id}", "voice/clones/{clone_id}", "voice/samples/{sample_id}"):
        response = await admin.http.get(f"/{path.format(**owned.ids)}")
        assert response.status_code == 404, response.text

    async def withdrawn() -> bool:
        return (await eve.http.get(f"/voices/{owned.ids['clone_id']}")).status_code == 404

    await eventually(withdrawn)
    assert data(await admin.http.get("/admin/audit/verification"))["intact"]
    assert data(await admin.http.get("/admin/dead-letters")) == []
