"""Audio that can be rated."""

from dataclasses import dataclass

from echo_common.errors import refuse
from echo_feedback.domain.ratings import Opinion


@dataclass(frozen=True, slots=True)
class RatedAudio:
    """An audio as the read model knows it; `duration` is in seconds."""

    id: str
    user_id: str
    voice_id: str
    engine: str
    duration: float
    word_count: int

    def require_range(self, opinion: Opinion) -> None:
        """Raise `ValidationError` if the rated range exceeds the audio."""
        if opinion.end_time is not None and opinion.end_time > self.duration:
            refuse("end_time", f"The audio ends at {self.duration} s.")
        if opinion.end_word is not None and opinion.end_word >= self.word_count:
            last = f"its last one is {self.word_count - 1}" if self.word_count else "it has none"
            refuse("end_word", f"The audio has no such word; {last}.")
