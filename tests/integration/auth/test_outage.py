"""Tests of auth while its database is unavailable."""

import pytest

from echo_embedded.database import EmbeddedDatabase
from tests.integration.auth.conftest import SETTINGS, Start
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.visitor import Visitor


@pytest.mark.slow
async def test_auth_is_unavailable_without_its_database_and_recovers(start: Start, mortal_server: EmbeddedDatabase):
    database = Database(await mortal_server.start(), "outage_")
    port = int(database.url.split(":")[2].split("/")[0])
    async with start(SETTINGS, on=database) as auth:
        ada = auth.visitor()
        await ada.register("ada@example.com")

        await mortal_server.stop()
        replies = [await auth.visitor().log_in("ada@example.com"), await ada.refresh(), await ada.me(), await ada.log_out()]

        assert [(reply.status, reply.code) for reply in replies] == [(503, "SERVICE_UNAVAILABLE")] * 4
        assert all(int(reply.headers["Retry-After"]) > 0 for reply in replies)

        again = EmbeddedDatabase(mortal_server.log.parent, port=port)
        await again.start()
        try:
            await eventually(lambda: is_known(ada), within=30)
            assert (await ada.refresh()).status == 200
        finally:
            await again.stop()


async def is_known(visitor: Visitor) -> bool:
    return (await visitor.me()).status == 200
