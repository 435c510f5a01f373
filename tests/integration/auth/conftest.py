"""The complete auth service on a Unix socket."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from echo_auth.dependencies import Dependencies
from echo_auth.mail.settings import MailSettings
from echo_auth.main import service
from echo_auth.oidc_settings import OidcSettings
from echo_auth.settings import AuthSettings
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import Consumer, Done, Message, Outcome
from echo_common.contracts.registry import event_types
from echo_common.contracts.system_settings import VERIFY_EMAIL
from echo_common.http.client import ServiceClient
from echo_common.http.server import serving
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_common.store.port import Store
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.mail_server import MailServer, mail_server
from tests.support.visitor import Visitor

SETTINGS = AuthSettings(
    secret=SecretStr("a secret of thirty-two characters"),
    admin_email="admin@example.com",
    admin_password=SecretStr("admin password"),
    password_rounds=1,
    password_memory_kib=64,
)


@dataclass(frozen=True)
class Auth:
    """One replica."""

    client: ServiceClient
    deps: Dependencies
    store: Store
    published: list[Message]

    def visitor(self, **more: Any) -> Visitor:
        return Visitor(self.client, **more)

    def facts(self) -> list[str]:
        return [message.topic for message in self.published]


Start = Callable[..., AbstractAsyncContextManager[Auth]]


@asynccontextmanager
async def replica(
    settings: AuthSettings,
    oidc: OidcSettings,
    database: Database,
    listen: str,
    objects: Path,
    mail: MailSettings | None = None,
    *,
    exclusive: bool = False,
    scratch: Path | None = None,
) -> AsyncIterator[Auth]:
    common = CommonSettings(
        listen=listen,
        auth_url=listen,
        database_url=SecretStr(database.url),
        database_prefix=database.prefix,
        bus_url=SecretStr("inproc://"),
        objects_url=f"file://{objects}",
        scratch=scratch,
    )
    broker, published = InprocBroker(), list[Message]()

    async def note(message: Message) -> Outcome:
        published.append(message)
        return Done()

    async with AsyncExitStack() as stack:
        ear = InprocBus(broker)
        stack.push_async_callback(ear.close)
        await ear.consume(Consumer("ear", list({topic for topic, _ in event_types()}), note, transient=True))
        app = await stack.enter_async_context(
            service(settings, oidc, mail).running(common, Process(broker=broker, exclusive=exclusive))
        )
        url = await stack.enter_async_context(serving(app, listen))
        client = await stack.enter_async_context(ServiceClient.open("auth", url))
        store = await database.open("auth")
        stack.push_async_callback(store.close)
        yield Auth(client, app.state.dependencies, store, published)


@pytest.fixture
def start(database: Database, tmp_path: Path) -> Start:
    """Function that starts a replica with these settings; all replicas share the given database, by default the test's."""
    number = count()

    def started(
        settings: AuthSettings,
        on: Database = database,
        oidc: OidcSettings | None = None,
        mail: MailSettings | None = None,
        **more: Any,
    ) -> AbstractAsyncContextManager[Auth]:
        listen, objects = f"unix://{tmp_path}/auth{next(number)}.sock", tmp_path / "objects"
        return replica(settings, oidc or OidcSettings(), on, listen, objects, mail, **more)

    return started


@pytest.fixture
async def auth(start: Start) -> AsyncIterator[Auth]:
    async with start(SETTINGS) as started:
        yield started


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    """Mail server to which `mailing` sends."""
    async with mail_server() as received:
        yield received


@pytest.fixture
async def mailing(start: Start, mails: MailServer) -> AsyncIterator[Auth]:
    """A replica with a mail server."""
    async with start(SETTINGS, mail=mails.settings) as started:
        yield started


@pytest.fixture
async def confirming(start: Start, mails: MailServer) -> AsyncIterator[Auth]:
    """A replica that requires confirmed addresses."""
    settings = SETTINGS.model_copy(update={"system_settings": {VERIFY_EMAIL.key: True}})
    async with start(settings, mail=mails.settings) as started:
        await eventually(lambda: started.deps.live_settings.get(VERIFY_EMAIL))
        yield started
