"""Composition root of the listening service."""

from functools import partial

from echo_common.http.endpoints import upload_paths
from echo_common.quotas import usage
from echo_common.service import Service
from echo_common.user_data import api as user_data
from echo_listening import api, handlers
from echo_listening.composition import open_dependencies
from echo_listening.dependencies import Dependencies
from echo_listening.settings import ListeningSettings
from echo_listening.usecases.measurements import measure_listening


def service(settings: ListeningSettings | None = None) -> Service[Dependencies]:
    """Build the listening service; settings come from the environment unless given."""
    chosen = settings or ListeningSettings()
    return Service(
        name="listening",
        open=partial(open_dependencies, chosen),
        routers=[*api.ROUTERS, usage.router, user_data.router],
        subscriptions=handlers.subscriptions,
        measure=measure_listening,
        uploads=dict.fromkeys(upload_paths(api.ROUTERS), chosen.upload_bytes),
    )
