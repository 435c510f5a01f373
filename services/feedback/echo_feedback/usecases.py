"""What feedback does: nothing yet."""

from dataclasses import dataclass

from echo_feedback.settings import FeedbackSettings


@dataclass(frozen=True)
class Dependencies:
    """What use cases work with."""

    settings: FeedbackSettings
