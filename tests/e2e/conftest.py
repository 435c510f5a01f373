from collections.abc import AsyncIterator

import pytest

from tests.support.person import Person
from tests.support.platform import Platform


@pytest.fixture
async def ada(platform: Platform) -> AsyncIterator[Person]:
    """Somebody who has just registered."""
    async with Person.at(platform.url) as person:
        await person.register()
        yield person


@pytest.fixture
async def eve(platform: Platform) -> AsyncIterator[Person]:
    """Somebody else."""
    async with Person.at(platform.url) as person:
        await person.register()
        yield person


@pytest.fixture
async def admin(platform: Platform) -> AsyncIterator[Person]:
    """The first admin."""
    async with Person.at(platform.url) as person:
        await person.log_in(platform.admin.admin_email, platform.admin.admin_password)
        yield person
