"""What synthesis is about. Pure: no I/O, no clock but the one handed in."""

from echo_synthesis.domain.audio import Audio, AudioNotFoundError, Chapter
from echo_synthesis.domain.chapters import ChapterMarks
from echo_synthesis.domain.dictionary import (
    DictionaryEntry,
    DictionaryFullError,
    EntryConflictError,
    EntryNotFoundError,
    Pronunciation,
)
from echo_synthesis.domain.job import (
    Job,
    JobNotFoundError,
    JobStateConflictError,
    Lease,
    LeaseLostError,
    lease_until,
)
from echo_synthesis.domain.pace import Pace
from echo_synthesis.domain.speech import SpeechSettings, SyllableMark, WordMark
from echo_synthesis.domain.texts import TextEntry, TextNotFoundError

__all__ = [
    "Audio",
    "AudioNotFoundError",
    "Chapter",
    "ChapterMarks",
    "DictionaryEntry",
    "DictionaryFullError",
    "EntryConflictError",
    "EntryNotFoundError",
    "Job",
    "JobNotFoundError",
    "JobStateConflictError",
    "Lease",
    "LeaseLostError",
    "Pace",
    "Pronunciation",
    "SpeechSettings",
    "SyllableMark",
    "TextEntry",
    "TextNotFoundError",
    "WordMark",
    "lease_until",
]
