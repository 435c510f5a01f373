"""HTTP API of the feedback service, one module per resource. Paths equal the public ones without `/api/v1`."""

from echo_feedback.api import deliveries, errors, history, rating_administration, ratings, statistics, usage, webhooks

ROUTERS = (
    ratings.router,
    history.router,
    rating_administration.router,
    usage.router,
    usage.admin,
    errors.router,
    statistics.router,
    webhooks.router,
    deliveries.router,
)
