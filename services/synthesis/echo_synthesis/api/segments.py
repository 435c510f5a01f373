"""Endpoints for the segments and revisions of an audio."""

from typing import Annotated

from fastapi import Depends, Path

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.synthesis import (
    PLANNING,
    DictionaryFullError,
    JobStateConflictError,
    SegmentChangedError,
    SegmentNotFoundError,
    SegmentsNotKeptError,
    SynthesisNotFoundError,
    VoiceNotFoundError,
)
from echo_common.contracts.http.segments import Pronunciation, RegenerateSegment, RevisionView, SegmentDetails, SegmentView
from echo_common.contracts.http.synthesis import JobView
from echo_common.contracts.values import Metric
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.api.parameters import SynthesisId, parse_word_range
from echo_synthesis.segment_views import pronunciation_view, revision_view, segment_details, segment_view
from echo_synthesis.usecases import pronunciations, requests, segments
from echo_synthesis.usecases.audio import read_words
from echo_synthesis.usecases.pronunciations import WordRange
from echo_synthesis.views import job_view

_FINISHED_ERRORS = (SynthesisNotFoundError, JobStateConflictError)
_ERRORS = (*_FINISHED_ERRORS, SegmentsNotKeptError)

PageQuery = Annotated[Page, Depends(paginated("number", default="number", order="asc"))]
SegmentNumber = Annotated[int, Path(ge=0, le=1_000_000, description="Number of the segment, from 0.", examples=[0])]

router = PublicRouter("speech")


@router.endpoint(
    "GET", "/tts/{synthesis_id}/segments", errors=_ERRORS, example=enveloped([examples.SEGMENT], meta=examples.PAGE)
)
async def list_segments(
    synthesis_id: SynthesisId, principal: SpeechReader, deps: Deps, page: PageQuery
) -> Success[list[SegmentView]]:
    """List the segments of an audio: its sentences, or parts of long ones."""
    shown, total = await segments.list_segments(synthesis_id, principal, page, deps)
    return ok([segment_view(each) for each in shown], meta=page.meta(total))


@router.endpoint(
    "GET",
    "/tts/{synthesis_id}/segments/{segment}",
    errors=(*_ERRORS, SegmentNotFoundError),
    example=enveloped(examples.SEGMENT_DETAILS),
)
async def get_segment(
    synthesis_id: SynthesisId, segment: SegmentNumber, principal: SpeechReader, deps: Deps
) -> Success[SegmentDetails]:
    """Get a segment with its words, as written and as spoken."""
    audio, found = await segments.find_segment(synthesis_id, segment, principal, deps)
    stop = found.first_word + found.segment.word_count
    return ok(segment_details(found, await read_words(audio, found.first_word, stop, deps)))


@router.endpoint("GET", "/tts/{synthesis_id}/pronunciation", errors=_ERRORS, example=enveloped(examples.PRONUNCIATION))
async def get_pronunciation(
    synthesis_id: SynthesisId, principal: SpeechReader, deps: Deps, wanted: Annotated[WordRange, Depends(parse_word_range)]
) -> Success[Pronunciation]:
    """Get the pronunciation of words of an audio.

    The words belong to one segment; name them by their indexes or by a range of seconds.
    """
    return ok(pronunciation_view(await pronunciations.find_pronunciation(synthesis_id, wanted, principal, deps)))


@router.endpoint(
    "POST",
    "/tts/{synthesis_id}/segments/{segment}/regenerate",
    status=202,
    idempotent=True,
    errors=(
        *_ERRORS,
        SegmentNotFoundError,
        SegmentChangedError,
        VoiceNotFoundError,
        DictionaryFullError,
        QuotaExceededError,
        *PLANNING,
    ),
    example=enveloped(examples.REPLACING_JOB),
    daily_quota=Metric.SYNTHESES,
)
async def regenerate_segment(
    synthesis_id: SynthesisId,
    segment: SegmentNumber,
    principal: SpeechWriter,
    deps: Deps,
    body: RegenerateSegment | None = None,
    key: IdempotencyKey = None,
) -> Success[JobView]:
    """Speak a segment again and replace it, in the background.

    The job makes another revision of the audio. The samples of all other segments stay as they are; later times move. With
    `text` another text is spoken, with `dictionary_entry` the pronunciation of a term is added to the dictionary before.
    """
    request = RegenerateSegment() if body is None else body
    job = await segments.regenerate_segment(synthesis_id, segment, request, principal, deps, key=key)
    deps.worker.wake()
    return ok(job_view(job, include_text=True))


@router.endpoint("GET", "/tts/{synthesis_id}/revisions", errors=_FINISHED_ERRORS, example=enveloped([examples.REVISION]))
async def list_revisions(synthesis_id: SynthesisId, principal: SpeechReader, deps: Deps) -> Success[list[RevisionView]]:
    """List the revisions of an audio that are kept, newest first."""
    audio = (await requests.find_synthesis(synthesis_id, principal, deps)).finished
    return ok([revision_view(audio, revision) for revision in reversed(audio.revisions)])
