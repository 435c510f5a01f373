"""Endpoints of the gateway itself; those of the services are in `contracts/`."""

from echo_gateway.routes import dead_letters, progress, start, statistics, usage

ROUTERS = (progress.jobs, progress.clones, dead_letters.dead_letters, start.start, statistics.statistics, usage.usage)
