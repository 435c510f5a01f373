"""Dependencies of routes, use cases and event handlers."""

from dataclasses import dataclass

from echo_feedback.settings import FeedbackSettings


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of routes, use cases and event handlers, opened once."""

    settings: FeedbackSettings
