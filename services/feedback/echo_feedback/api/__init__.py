"""HTTP API of the feedback service, one module per resource. Paths equal the public ones without `/api/v1`."""

from echo_feedback.api import administration, history, ratings

ROUTERS = (ratings.router, history.router, administration.router)
