from collections.abc import AsyncIterator

import pytest

from tests.support.person import Person
from tests.support.platform import Platform


@pytest.fixture
async def ada(platform: Platform) -> AsyncIterator[Person]:
    """A newly registered user."""
    async with Person.at(platform.url) as person:
        await person.register()
        yield person


@pytest.fixture
async def eve(platform: Platform) -> AsyncIterator[Person]:
    """A second user."""
    async with Person.at(platform.url) as person:
        await person.register()
        yield person


@pytest.fixture
async def admin(platform: Platform) -> AsyncIterator[Person]:
    """The first administrator."""
    async with Person.at(platform.url) as person:
        await person.log_in(platform.admin.admin_email, platform.admin.admin_password)
        yield person
