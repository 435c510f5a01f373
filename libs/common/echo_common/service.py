"""Description of a service, and its lifecycle: alone in a process, or beside others in one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar, get_args

from fastapi import APIRouter, FastAPI, Request
from starlette.types import ASGIApp

from echo_common.auth.tokens import TokenVerifier
from echo_common.bus.attachment import Attachment
from echo_common.bus.connect import open_bus
from echo_common.bus.delivery import Delivery
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import Bus
from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.auth import SessionRevoked, SettingChanged, UserTokenVersionRaised
from echo_common.contracts.http.auth import EXPORT_AUDIENCE
from echo_common.contracts.http.statistics import Measurements
from echo_common.error_reports import ErrorReports, reporting_to
from echo_common.faults import FaultPoints
from echo_common.http import dead_letters, measurements
from echo_common.http.app import MAX_JSON_BODY, create_app
from echo_common.http.client import ServiceClient
from echo_common.http.connections import ConnectionLimits
from echo_common.http.health import Check
from echo_common.http.internal import InternalListener
from echo_common.http.server import serving
from echo_common.http.tls import Tls
from echo_common.http.token_trust import TokenTrust
from echo_common.live_settings import LiveSettings
from echo_common.metrics import Metrics, Sample
from echo_common.outbox.dead_letters import StoreDeadLetters
from echo_common.outbox.event_batches import CollectedEvents, EventBatches
from echo_common.outbox.inbox import StoreInbox
from echo_common.outbox.relay import BATCH_SIZE, Relay
from echo_common.outbox.restored import resume
from echo_common.scratch import Scratch
from echo_common.settings import CommonSettings
from echo_common.storage.connect import open_storage
from echo_common.storage.port import ObjectStore
from echo_common.store.connect import open_store
from echo_common.store.port import Store

D = TypeVar("D")


PLATFORM_SUBSCRIPTIONS = Subscriptions[TokenTrust]()
"""Subscriptions of every service."""

Revocation = SessionRevoked | UserTokenVersionRaised


@PLATFORM_SUBSCRIPTIONS.on(SettingChanged, every_replica=True)
async def apply_changed_settings(_: SettingChanged, trust: TokenTrust) -> None:
    """Apply changed system settings without waiting for the next poll."""
    await trust.apply_changes()


async def apply_revocation(_: Revocation, trust: TokenTrust) -> None:
    """Apply revocations without waiting for the next poll, at most once a second."""
    await trust.refresh_early()


for revocation in get_args(Revocation):
    PLATFORM_SUBSCRIPTIONS.on(revocation, every_replica=True)(apply_revocation)


@dataclass(frozen=True)
class Process:
    """Resources shared by the services in one process.

    `exclusive` means that no other process works on the services' data while this one runs; a host that holds a lock on the
    data may set it. Jobs under a lease at the start then have no worker any more.
    """

    metrics: Metrics = field(default_factory=Metrics)
    broker: InprocBroker | None = None
    exclusive: bool = False


@dataclass(frozen=True)
class Adapters:
    """A service's open connections, from which it creates its own dependencies."""

    store: Store
    bus: Bus
    relay: Relay
    objects: ObjectStore
    metrics: Metrics
    faults: FaultPoints
    auth: ServiceClient
    scratch: Scratch
    batches: EventBatches
    errors: ErrorReports
    live_settings: LiveSettings = field(default_factory=LiveSettings)
    public_url: str = "http://localhost:8080"
    orphan_seconds: float = 0
    api_without_token: bool = False
    exclusive: bool = False


async def _measure_nothing(_: object) -> Measurements:
    return Measurements()


@dataclass(frozen=True)
class Service(Generic[D]):
    """The parts of a service, in terms of its dependencies `D`.

    `open` creates the dependencies from the adapters and ends their background tasks on exit. `checks` are readiness checks
    beside the database, the bus and storage. `measure` returns the service's part of the current statistics. `uploads` maps the paths that take files to their largest size in bytes. `options`
    go to FastAPI (for example `middleware`). `limits` are those of its connections. `internal_listen` is the address where its
    health and metrics are served to the operator alone, when they are not public. With `tls`, the public one is served over HTTPS.
    With `trust_traceparent`, clients decide with the flag of their `traceparent` whether a trace is recorded.
    """

    name: str
    open: Callable[[Adapters], AbstractAsyncContextManager[D]]
    routers: Sequence[APIRouter]
    subscriptions: Subscriptions[D] = field(default_factory=Subscriptions)
    checks: Callable[[D], Mapping[str, Check]] = field(default=lambda _: {})
    measure: Callable[[D], Awaitable[Measurements]] = field(default=_measure_nothing)
    max_body: int = MAX_JSON_BODY
    uploads: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    internal_listen: str | None = None
    trust_traceparent: bool = True
    tls: Tls | None = None

    @asynccontextmanager
    async def listening(self, app: ASGIApp, listen: str) -> AsyncIterator[str]:
        """Serve the app and, where the service has one, its internal listener; yield the app's URL.

        Raises `AddressTakenError`.
        """
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(serving(app, listen, self.limits, self.tls))
            if self.internal_listen is not None:
                await stack.enter_async_context(serving(InternalListener(app), self.internal_listen))
            yield url

    @asynccontextmanager
    async def running(self, settings: CommonSettings, process: Process) -> AsyncIterator[FastAPI]:
        """Open adapters, start consuming, and yield the app to serve; close everything in reverse order (graceful shutdown)."""
        async with AsyncExitStack() as stack:
            adapters = await self._adapters(stack, settings, process)
            trust = await stack.enter_async_context(TokenTrust.following(adapters.auth, adapters.live_settings))
            dependencies = await stack.enter_async_context(self.open(adapters))
            await adapters.relay.start()
            delivery, of_platform = await self._bind(adapters, dependencies, trust, process.metrics)
            consumers = [*delivery.consumers(), *of_platform.consumers()]
            attachment = await stack.enter_async_context(Attachment.running(adapters.bus, consumers))
            measure_bus = partial(_measure_bus, self.name, adapters, delivery, process.metrics)
            stack.enter_context(process.metrics.measuring(measure_bus))
            stack.enter_context(
                process.metrics.measuring(partial(_measure_connection, self.name, adapters.bus, process.metrics))
            )
            checks: dict[str, Check] = {
                "database": adapters.store.ping,
                "bus": attachment.check,
                "storage": adapters.objects.ping,
                **self.checks(dependencies),
            }
            app = create_app(
                self.name,
                [*self.routers, dead_letters.router, measurements.router] if self.internal_listen is None else self.routers,
                metrics=process.metrics,
                checks=checks,
                max_body=self.max_body,
                uploads=self.uploads,
                restricted_health=self.internal_listen is not None,
                https=settings.public_url.startswith("https:"),
                trace_response=self.internal_listen is not None,
                errors=adapters.errors,
                client_trace_ratio=None if self.trust_traceparent else settings.trace_ratio,
                **self.options,
            )
            stack.enter_context(process.metrics.measuring(app.state.health.measure))
            app.state.dependencies = dependencies
            app.state.delivery = delivery
            app.state.measure = partial(self.measure, dependencies)
            app.state.scratch = adapters.scratch
            app.state.verifier = TokenVerifier(trust)
            app.state.user_data_verifier = TokenVerifier(trust, audience=EXPORT_AUDIENCE)
            yield app

    async def _bind(
        self, adapters: Adapters, dependencies: D, trust: TokenTrust, metrics: Metrics
    ) -> tuple[Delivery, Delivery]:
        inbox = StoreInbox(adapters.store)
        dead_letters = StoreDeadLetters(adapters.store)
        await inbox.prepare()
        await dead_letters.prepare()
        return (
            self.subscriptions.bind(self.name, dependencies, inbox, dead_letters, metrics=metrics.bus, errors=adapters.errors),
            PLATFORM_SUBSCRIPTIONS.bind(self.name, trust, inbox, dead_letters, metrics=metrics.bus, errors=adapters.errors),
        )

    async def _adapters(self, stack: AsyncExitStack, settings: CommonSettings, process: Process) -> Adapters:
        faults, errors = FaultPoints(settings.fault_point), ErrorReports(self.name)
        stack.enter_context(reporting_to(errors))
        scratch = stack.enter_context(Scratch.open(settings.scratch, self.name))
        store = await open_store(
            settings.database_url.get_secret_value(),
            settings.database_prefix + self.name,
            minimum_free_bytes=settings.minimum_free_bytes,
        )
        stack.push_async_callback(store.close)
        bus = await open_bus(settings.bus_url.get_secret_value(), service=self.name, broker=process.broker)
        stack.push_async_callback(bus.close)
        objects = await open_storage(
            settings.objects_url,
            access_key=settings.objects_access_key,
            secret_key=settings.objects_secret_key,
            minimum_free_bytes=settings.minimum_free_bytes,
        )
        stack.push_async_callback(objects.close)
        # In one process, a call ends when all consumers are done: a slow one must not hold up events of other aggregates.
        relay = Relay(bus, batch_size=1 if isinstance(bus, InprocBus) else BATCH_SIZE, faults=faults, errors=errors)
        stack.push_async_callback(relay.close)
        await resume(store, relay)
        auth = await stack.enter_async_context(ServiceClient.open("auth", settings.auth_url))
        batches = EventBatches(store, relay)
        await batches.prepare()
        with reporting_to(None):  # an error of this loop is only logged, because it would be reported to itself
            await stack.enter_async_context(CollectedEvents(batches, errors.collect, "errors").publishing())
        stack.callback(errors.close)
        return Adapters(
            store=store,
            bus=bus,
            relay=relay,
            objects=objects,
            metrics=process.metrics,
            faults=faults,
            auth=auth,
            scratch=scratch,
            batches=batches,
            errors=errors,
            public_url=settings.public_url,
            orphan_seconds=settings.orphan_seconds,
            api_without_token=settings.api_without_token,
            exclusive=process.exclusive,
        )


async def _measure_bus(service: str, adapters: Adapters, delivery: Delivery, metrics: Metrics) -> Sequence[Sample]:
    """Measure the outbox and the stored dead letters."""
    backlog, dead_letters = await adapters.relay.measure_backlog(), await delivery.dead_letters.count()
    return [
        (metrics.bus.outbox_pending.labels(service), backlog.aggregates),
        (metrics.bus.outbox_age.labels(service), backlog.age_seconds),
        (metrics.bus.dead_letters.labels(service), dead_letters),
    ]


async def _measure_connection(service: str, bus: Bus, metrics: Metrics) -> Sequence[Sample]:
    """Measure the connection to the broker, apart from values that are missing while the database is not reachable."""
    return [(metrics.bus.connected.labels(service), float(bus.connected))]


async def dependencies_of(request: Request) -> Any:
    """Return the dependencies of the service that serves this request; annotate the parameter with their type."""
    return request.app.state.dependencies
