"""Event handlers of the usage history."""

from echo_feedback.domain.history import ACTIONS
from echo_feedback.handlers.handle import Handlers
from echo_feedback.usecases.history import record_action

HANDLERS: Handlers = dict.fromkeys(ACTIONS, record_action)
