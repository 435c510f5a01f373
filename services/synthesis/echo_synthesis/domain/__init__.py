"""Domain model of synthesis. Pure: no I/O, and no clock but the one passed in."""

from echo_common.contracts.errors.synthesis import (
    AudioNotFoundError,
    DictionaryEntryConflictError,
    DictionaryEntryNotFoundError,
    DictionaryFullError,
    JobNotFoundError,
    JobStateConflictError,
    TextNotFoundError,
)
from echo_synthesis.domain.audio import Audio, Chapter
from echo_synthesis.domain.chapters import ChapterMarks
from echo_synthesis.domain.dictionary import DictionaryEntry, Pronunciation
from echo_synthesis.domain.job import Job
from echo_synthesis.domain.origin import Origin
from echo_synthesis.domain.pace import Pace
from echo_synthesis.domain.speech import SpeechSettings, SyllableMark, WordMark
from echo_synthesis.domain.texts import TextEntry

__all__ = [
    "Audio",
    "AudioNotFoundError",
    "Chapter",
    "ChapterMarks",
    "DictionaryEntry",
    "DictionaryEntryConflictError",
    "DictionaryEntryNotFoundError",
    "DictionaryFullError",
    "Job",
    "JobNotFoundError",
    "JobStateConflictError",
    "Origin",
    "Pace",
    "Pronunciation",
    "SpeechSettings",
    "SyllableMark",
    "TextEntry",
    "TextNotFoundError",
    "WordMark",
]
