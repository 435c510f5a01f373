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
from echo_synthesis.domain.audio import Audio, Chapter, Revision
from echo_synthesis.domain.chapters import ChapterMarks
from echo_synthesis.domain.dictionary import DictionaryEntry, Pronunciation
from echo_synthesis.domain.job import UNFINISHED, Job, SegmentReference
from echo_synthesis.domain.provenance import ProvenanceRecord
from echo_synthesis.domain.quality import AudioQuality, merge_quality
from echo_synthesis.domain.remaining_time import RemainingTimeEstimator
from echo_synthesis.domain.speech import SpeechSettings, SyllableTiming, WordTiming
from echo_synthesis.domain.texts import TextEntry

__all__ = [
    "UNFINISHED",
    "Audio",
    "AudioNotFoundError",
    "AudioQuality",
    "Chapter",
    "ChapterMarks",
    "DictionaryEntry",
    "DictionaryEntryConflictError",
    "DictionaryEntryNotFoundError",
    "DictionaryFullError",
    "Job",
    "JobNotFoundError",
    "JobStateConflictError",
    "Pronunciation",
    "ProvenanceRecord",
    "RemainingTimeEstimator",
    "Revision",
    "SegmentReference",
    "SpeechSettings",
    "SyllableTiming",
    "TextEntry",
    "TextNotFoundError",
    "WordTiming",
    "merge_quality",
]
