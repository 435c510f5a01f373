"""Endpoints of the gateway itself; those of the services are in `contracts/`."""

from echo_gateway.routes import admin, progress, start, statistics, usage

ROUTERS = (progress.jobs, progress.clones, admin.admin, start.start, statistics.statistics, usage.usage)
