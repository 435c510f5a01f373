"""The gateway erases what it stores of a deleted user."""

from echo_common.contracts.events.auth import UserDeleted
from echo_gateway.handlers import erase_user, invalidate_user
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.test_idempotency import counting, create
from tests.support.eventually import eventually
from tests.support.upstream import Upstream

__all__ = ["counting"]


async def test_stored_responses_and_counts_of_a_deleted_user_are_erased(gateway: Gateway, counting: Upstream) -> None:
    await create(gateway, sub="usr_ada")
    await create(gateway, sub="usr_eve")
    repeated = await create(gateway, sub="usr_ada")
    assert repeated[2]["Idempotency-Replayed"] == "true"

    event = UserDeleted(user_id="usr_ada")
    await invalidate_user(event, gateway.deps)
    await erase_user(event, gateway.deps)

    async def erased() -> bool:
        found = await gateway.deps.erasure._users.find_one({"_id": "usr_ada"})
        return found is not None and found.erased_at is not None

    await eventually(erased)
    other = await create(gateway, sub="usr_eve")
    assert other[2]["Idempotency-Replayed"] == "true"
    again = await create(gateway, sub="usr_ada")
    assert "Idempotency-Replayed" not in again[2]
    assert again[2]["RateLimit"].partition(";t=")[0] == '"default";r=99'
