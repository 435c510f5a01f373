"""Local providers of both cloud engines, and the settings that select them."""

from collections.abc import Iterator

import pytest

from tests.support import fish_server, gemini_server
from tests.support.provider import Provider

KEYS = {"gemini": "gemini-secret-key", "fish": "fish-secret-key"}


@pytest.fixture(scope="module")
def gemini() -> Iterator[Provider]:
    with Provider(gemini_server.speak).serving() as provider, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ECHO_SYNTHESIS_GEMINI_BASE_URL", provider.url)
        # as a file would give it
        environment.setenv("ECHO_SYNTHESIS_GEMINI_API_KEY", KEYS["gemini"] + "\n")
        yield provider


@pytest.fixture(scope="module")
def fish() -> Iterator[Provider]:
    with Provider(fish_server.speak).serving() as provider, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ECHO_SYNTHESIS_FISH_BASE_URL", provider.url)
        environment.setenv("ECHO_SYNTHESIS_FISH_API_KEY", KEYS["fish"] + "\n")
        environment.setenv("ECHO_SYNTHESIS_FISH_VOICES", f"{fish_server.KNOWN}=Anna")
        yield provider


@pytest.fixture(autouse=True)
def forgotten(request: pytest.FixtureRequest) -> None:
    """Reset the requests and the script of the providers before each test."""
    for name in KEYS.keys() & set(request.fixturenames):
        provider: Provider = request.getfixturevalue(name)
        provider.forget()
