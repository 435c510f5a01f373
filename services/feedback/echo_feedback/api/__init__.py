"""HTTP API of the feedback service, one module per resource. Paths equal the public ones without `/api/v1`."""

from echo_feedback.api import administration, deliveries, errors, history, ratings, statistics, usage, webhooks

ROUTERS = (
    ratings.router,
    history.router,
    administration.router,
    usage.router,
    usage.admin,
    errors.router,
    statistics.router,
    webhooks.router,
    deliveries.router,
)
