"""The complete auth service on a Unix socket."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from echo_auth.dependencies import Dependencies
from echo_auth.domain.exports import EXPORT_PREFIX
from echo_auth.mail.settings import MailSettings
from echo_auth.main import service
from echo_auth.oidc_settings import OidcSettings
from echo_auth.settings import AuthSettings
from echo_common.auth.tokens import TokenVerifier, VerificationUnavailableError
from echo_common.bus.delivery import encode
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import Consumer, Done, Message, Outcome
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.registry import event_types
from echo_common.contracts.system_settings import VERIFY_EMAIL
from echo_common.http.client import ServiceClient
from echo_common.http.server import serving
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_common.store.port import Store
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.exports import SOUND
from tests.support.mail_server import MailServer, mail_server
from tests.support.user_data_service import GatedStorage, UserDataService
from tests.support.visitor import Visitor
from tests.unit.auth.test_images import png

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
    bus: InprocBus

    def visitor(self, **more: Any) -> Visitor:
        return Visitor(self.client, **more)

    def facts(self) -> list[str]:
        return [message.topic for message in self.published]

    async def receive(self, *events: DomainEvent) -> None:
        """Publish events as other services do."""
        await self.bus.publish([encode(event) for event in events])


async def start_login(auth: Auth, path: str) -> tuple[str, str]:
    """Start a login at a provider; return the provider's URL and the browser's cookie."""
    url = auth.client.next_replicas()[0] + path
    async with auth.client.session.get(url, allow_redirects=False) as response:
        assert response.status == 302
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        return response.headers["Location"], cookie.partition(";")[0]


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
        await eventually(partial(_trusts_itself, app.state.verifier))
        yield Auth(client, app.state.dependencies, store, published, ear)


async def _trusts_itself(verifier: TokenVerifier) -> bool:
    """Return whether the service has read its own keys; its first attempt precedes its listening."""
    try:
        await verifier.require_keys()
    except VerificationUnavailableError:
        return False
    return True


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


@dataclass
class Exporting:
    """A replica of auth, and a service with data of its users."""

    auth: Auth
    notes: UserDataService

    async def user(self, name: str) -> tuple[Visitor, str]:
        """Register a user with an avatar, a note and a recording; return the user and the user's id."""
        visitor = self.auth.visitor()
        assert (await visitor.register(f"{name}@example.com", first_name=name.title())).status == 201
        user_id = (await visitor.me()).data["id"]
        await visitor.upload_avatar(png(30, 20))
        await self.notes.add(user_id, f"A note of {name}.", name.encode() + SOUND)
        return visitor, user_id

    async def archives(self) -> list[str]:
        return [key async for key in self.auth.deps.objects.keys(EXPORT_PREFIX)]


StartExporting = Callable[..., AbstractAsyncContextManager[Exporting]]


@pytest.fixture
def exporting(start: Start, tmp_path: Path) -> StartExporting:
    """Function that starts auth and the other service; `serving=False` leaves the other service stopped."""

    @asynccontextmanager
    async def started(on: Database | None = None, *, serving: bool = True, **more: Any) -> AsyncIterator[Exporting]:
        system = more.pop("system_settings", {})
        url = f"unix://{tmp_path}/notes.sock"
        update = {"user_data_services": ("gateway", f"notes={url}"), "system_settings": system}
        settings: AuthSettings = SETTINGS.model_copy(update=update)
        async with AsyncExitStack() as stack:
            auth = await stack.enter_async_context(start(settings, *([] if on is None else [on]), **more))
            notes = UserDataService(url, auth.client.next_replicas()[0], GatedStorage(tmp_path / "notes"))
            notes.auth_url = f"unix://{tmp_path}/auth0.sock"
            if serving:
                await stack.enter_async_context(notes.serving())
            yield Exporting(auth, notes)

    return started


@pytest.fixture
async def platform(exporting: StartExporting) -> AsyncIterator[Exporting]:
    async with exporting() as found:
        yield found
