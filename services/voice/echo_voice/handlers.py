"""Events voice listens to: none yet."""

from echo_common.bus.subscriptions import Subscriptions
from echo_voice.usecases import Dependencies

subscriptions = Subscriptions[Dependencies]()
