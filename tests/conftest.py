import gc
from collections.abc import Generator, Iterator

import pytest
import structlog
from fastapi.dependencies import models

from echo_common.telemetry import console_renderer

pytest_plugins = [
    "tests.support.requirements",
    "tests.support.models",
    "tests.support.providers",
    "tests.support.rabbitmq",
    "tests.support.database",
    "tests.support.disks",
    "tests.support.s3",
    "tests.support.speech_caches",
    "tests.support.synthesis_replica",
    "tests.support.synthesis_server",
    "tests.support.platform",
]


SLOW_FOLDERS = (
    *("tests/e2e", "tests/faults", "tests/cold_start"),
    *(f"tests/integration/{service}" for service in ("auth", "feedback", "gateway", "listening", "synthesis", "voice")),
    *("tests/integration/backup", "tests/integration/work"),
)
SLOW_FIXTURES = {
    "embedded_server",
    "found_rabbitmq",
    "platform",
    "recogniser",
    "s3_server",
    "speech_models",
    "chat_models",
    "found_node",
}
"""Folders and fixtures whose tests start servers, wait for leases, load models or process recordings: `make test-fast` leaves
them out."""
LONG_FOLDERS = ("tests/e2e", "tests/faults", "tests/integration/synthesis/engines")
"""Folders of the tests that take longest, after those of the shared platforms."""


def pytest_configure() -> None:
    """Log errors without local variables, as the services do; rendering those of a request takes seconds."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            console_renderer(colors=False),
        ]
    )


@pytest.fixture(autouse=True)
def _finished_applications_released() -> Iterator[None]:
    """Empty FastAPI's caches after each test: they keep the last 4,096 endpoints, and with them their applications."""
    yield
    for cached in vars(models).values():
        if clear := getattr(cached, "cache_clear", None):
            clear()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exclude the collected tests and all modules from garbage collection, which otherwise visits them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Assign all tests of a platform to one process, so that it starts once; assign other tests by file.

    The long groups come first: started last, they would run alone at the end.
    """
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        item.add_marker(pytest.mark.xdist_group(str(parameters.get("platform", item.location[0]))))
        fixtures = set(item.fixturenames) if isinstance(item, pytest.Function) else set()
        if item.location[0].startswith(SLOW_FOLDERS) or SLOW_FIXTURES & fixtures:
            item.add_marker(pytest.mark.slow)
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """Return the place of a test's group in the order of the run."""
    path = item.location[0]
    if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "platform" in item.callspec.params:
        return 0
    if path.startswith(LONG_FOLDERS):
        return 1
    return 2 if path.startswith(SLOW_FOLDERS) else 3
