"""Event handlers of the feedback service; none yet."""

from echo_common.bus.subscriptions import Subscriptions
from echo_feedback.dependencies import Dependencies

subscriptions = Subscriptions[Dependencies]()
