"""Events auth listens to: none yet."""

from echo_common.bus.subscriptions import Subscriptions

from echo_auth.usecases import Dependencies

subscriptions = Subscriptions[Dependencies]()
