"""Event handlers of the error log."""

from echo_feedback.domain.statistics import ERRORS
from echo_feedback.handlers.handle import Handlers
from echo_feedback.usecases.errors import record_error

HANDLERS: Handlers = dict.fromkeys(ERRORS, record_error)
