"""Request and response bodies of synthesis: segments and revisions of an audio."""

from datetime import datetime

from pydantic import BaseModel, Field

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.http.normalization import CreateDictionaryEntry
from echo_common.contracts.values import SpeechProblem

MAXIMUM_SEGMENT_CHARACTERS = 2_000


class SegmentQualityView(BaseModel):
    """Measurements of a segment's speech."""

    attempts: int = Field(description="Number of takes, of which the best one is in the audio.")
    problems: list[SpeechProblem] = Field(
        description="Problems of the best take: a long `silent` stretch, `clipped` samples, an implausible `duration`, too many "
        "different `words`."
    )
    word_error_rate: float | None = Field(
        None, description="Share of its words that the recogniser heard differently; absent without a comparison."
    )


class SegmentView(BaseModel):
    """A segment of an audio: a sentence, or a part of a long one. Times are in seconds from the start of the audio."""

    number: int = Field(description="Position in the audio, from 0.")
    text: str = Field(description="The text as written.")
    spoken: str = Field(description="The text as spoken.")
    start_time: float
    end_time: float
    char_start: int
    char_end: int
    first_word: int = Field(description="Index of its first word in the word timings of the audio.")
    word_count: int
    quality: SegmentQualityView | None = Field(None, description="Measurements; absent for segments without speech.")


class SegmentWord(BaseModel):
    """A word of a segment, as written and as spoken. Times are in seconds from the start of the audio."""

    index: int = Field(description="Index in the word timings of the audio.")
    word: str
    spoken: str = Field(description="The word as spoken; empty when it is not spoken, or spoken with its neighbour.")
    ipa: str | None = Field(
        None,
        description="Its pronunciation in IPA: as the dictionary or the markup prescribes it, else as the engine spoke it. Absent "
        "if the engine does not tell.",
    )
    start_time: float
    end_time: float


class SegmentDetails(SegmentView):
    """A segment with its words."""

    words: list[SegmentWord]


class Pronunciation(BaseModel):
    """Consecutive words of a segment, as written and as spoken. Times are in seconds from the start of the audio."""

    segment: int = Field(description="Number of the segment.")
    segment_checksum: str = Field(description="Checksum of the segment; every replacement changes it. See `expected_checksum`.")
    term: str = Field(description="The words as written: the term of a dictionary entry for them.")
    spoken: str = Field(description="The words as spoken.")
    ipa: str | None = Field(
        description="Their pronunciation in IPA, as a dictionary entry takes it: as the dictionary or the markup prescribes it, "
        "else as the engine spoke it. Null if the engine does not tell (`gemini`, `fish`), for speech of earlier versions, and "
        "for a part of the words that are spoken as one."
    )
    start_word: int = Field(description="Index of the first word in the word timings of the audio.")
    end_word: int = Field(description="Index of the last word.")
    start_time: float
    end_time: float


class RegenerateSegment(RequestBody):
    """Options of replacing a segment; without any it is spoken again, with the present dictionary."""

    text: str | None = Field(
        None,
        min_length=1,
        max_length=MAXIMUM_SEGMENT_CHARACTERS,
        description="Text to speak in place of the segment's.",
        examples=["Hello from Echo."],
    )
    ssml: bool | None = Field(
        None,
        description="Treat `text` as a part of the SSML document that the audio was made from. Unset: it is one if it is "
        "well-formed. False: its characters are spoken as they are.",
    )
    dictionary_entry: CreateDictionaryEntry | None = Field(
        None, description="Entry to add to the dictionary before; an entry for the same term and scope is changed."
    )
    expected_checksum: str | None = Field(
        None,
        max_length=64,
        description="Checksum of the segment as it was read; if it has been replaced since, the request is refused.",
    )


class RevisionView(BaseModel):
    """A revision of an audio. `checksum` is the SHA-256 of its bytes, in hex, and its ETag."""

    number: int
    current: bool
    url: str = Field(description="Path of its file on the gateway.")
    mime: str
    size: int
    checksum: str
    duration: float
    segment: int | None = Field(None, description="Number of the segment that it replaced; absent for the first revision.")
    job_id: str | None = Field(None, description="Id of the job that made it; absent for the first revision.")
    created_at: datetime
