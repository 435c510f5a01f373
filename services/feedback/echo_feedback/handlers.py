"""Event handlers of the feedback service; none yet."""

from echo_common.bus.subscriptions import Subscriptions
from echo_feedback.usecases import Dependencies

subscriptions = Subscriptions[Dependencies]()
