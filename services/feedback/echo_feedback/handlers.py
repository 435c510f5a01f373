"""Events feedback listens to: none yet."""

from echo_common.bus.subscriptions import Subscriptions
from echo_feedback.usecases import Dependencies

subscriptions = Subscriptions[Dependencies]()
