"""Event handlers of the auth service; none yet."""

from echo_auth.dependencies import Dependencies
from echo_common.bus.subscriptions import Subscriptions

subscriptions = Subscriptions[Dependencies]()
