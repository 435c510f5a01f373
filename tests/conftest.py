from collections.abc import Iterator

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
    *(f"tests/integration/{service}" for service in ("auth", "feedback", "gateway", "synthesis", "voice")),
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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Assign all tests of a platform to one process, so that it starts once; assign other tests by file."""
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        item.add_marker(pytest.mark.xdist_group(str(parameters.get("platform", item.location[0]))))
        fixtures = set(item.fixturenames) if isinstance(item, pytest.Function) else set()
        if item.location[0].startswith(SLOW_FOLDERS) or SLOW_FIXTURES & fixtures:
            item.add_marker(pytest.mark.slow)
