"""Parameters of endpoints."""

from typing import Annotated

from fastapi import Path, Query

from echo_common.audio.formats import FORMATS
from echo_common.http.validation import invalid
from echo_synthesis.usecases.pronunciations import WordRange

AUDIO_TYPES = tuple(mime for row in FORMATS.values() for mime in (row.mime, row.mime_at_rates) if mime)
"""Media types of audio."""

JobId = Annotated[str, Path(description="A job's id.", examples=["job_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
AudioId = Annotated[str, Path(description="An audio's id.", examples=["aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
TextId = Annotated[str, Path(description="A text's id.", examples=["txt_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
EntryId = Annotated[str, Path(description="An entry's id.", examples=["dict_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
VoiceId = Annotated[str, Path(description="A voice's id.", examples=["af_heart"])]
SynthesisId = Annotated[
    str, Path(description="Id of a synthesis, of its job or of its audio.", examples=["syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])
]
RevisionNumber = Annotated[
    int | None, Query(ge=1, le=1_000_000_000, description="Number of the revision; the current one when absent.")
]


async def parse_word_range(
    start_word: Annotated[int | None, Query(ge=0, le=100_000_000, description="Index of the first word, from 0.")] = None,
    end_word: Annotated[int | None, Query(ge=0, le=100_000_000, description="Index of the last word.")] = None,
    start_time: Annotated[float | None, Query(ge=0, le=10_000_000, description="Start in seconds.")] = None,
    end_time: Annotated[float | None, Query(ge=0, le=10_000_000, description="End in seconds.")] = None,
) -> WordRange:
    """Return the range of words. Raises `ValidationError` unless it is given once and completely, and not empty."""
    words, times = (start_word, end_word), (start_time, end_time)
    if (words == (None, None)) is (times == (None, None)):
        raise invalid([{"field": "start_word", "message": "Send start_word and end_word, or start_time and end_time."}])
    if (None in words and words != (None, None)) or (start_word is not None and end_word is not None and start_word > end_word):
        raise invalid([{"field": "end_word", "message": "Send an index of at least start_word."}])
    if (None in times and times != (None, None)) or (
        start_time is not None and end_time is not None and not start_time < end_time
    ):
        raise invalid([{"field": "end_time", "message": "Send a time after start_time."}])
    return WordRange(start_word, end_word, start_time, end_time)
