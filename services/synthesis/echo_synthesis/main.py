"""Composition root of the synthesis service."""

from functools import partial

from echo_common.http.endpoints import upload_paths
from echo_common.quotas import usage
from echo_common.service import Service
from echo_common.user_data import api as user_data
from echo_synthesis import api, handlers
from echo_synthesis.composition import open_dependencies, readiness_checks
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.usecases.measurements import measure_synthesis


def service(settings: SynthesisSettings | None = None) -> Service[Dependencies]:
    """Build the synthesis service; settings come from the environment unless given."""
    chosen = settings or SynthesisSettings()
    return Service(
        name="synthesis",
        open=partial(open_dependencies, chosen),
        routers=[*api.ROUTERS, usage.router, user_data.router],
        subscriptions=handlers.subscriptions,
        measure=measure_synthesis,
        checks=readiness_checks,
        uploads=dict.fromkeys(upload_paths(api.ROUTERS), chosen.verify_bytes),
    )
