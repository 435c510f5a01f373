"""Use cases of the feedback service; none yet."""

from dataclasses import dataclass

from echo_feedback.settings import FeedbackSettings


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of the use cases."""

    settings: FeedbackSettings
