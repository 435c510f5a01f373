"""Use cases of audio features: queue, perform and read analyses."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.tracks import TrackNotAudioError, TrackNotFoundError, TrackWithoutAudioError
from echo_common.contracts.values import AnalysisStatus
from echo_common.work.port import Attempt, Result
from echo_listening.dependencies import Dependencies
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.domain.tracks import Track
from echo_listening.track_files import fetch

_UNAVAILABLE: Final = (TrackWithoutAudioError, TrackNotAudioError)
"""Errors of a track that has no features."""


async def queue_analysis(track_id: str, deps: Dependencies) -> None:
    """Queue the analysis of the current audio of a track; idempotent. A track without audio, or none, is ignored."""
    track = await deps.tracks.find_one({"_id": track_id})
    if track is None or track.object_key is None:
        return
    await deps.analyses.queue(TrackAnalysis(id=track.id, user_id=track.user_id, audio_counter=track.audio_counter))
    deps.worker.wake()


async def renew_analysis(track_id: str, deps: Dependencies) -> None:
    """Queue the analysis of the current audio of a track that has an analysis already."""
    if await deps.analyses.find_one({"_id": track_id}) is not None:
        await queue_analysis(track_id, deps)


async def analyse_skipped(track_id: str, code: str, deps: Dependencies) -> None:
    """Queue the analysis of a track that a stream has skipped: it finds the reason, which the timelines name then.

    A track that was analysed before is analysed again only if its file is missing: another result would be the same.
    """
    await queue_analysis(track_id, deps)
    if code == TrackWithoutAudioError.code:
        with suppress(TrackNotFoundError):  # deleted meanwhile
            await deps.analyses.update(track_id, TrackAnalysis.repeat)
        deps.worker.wake()


async def find_analysis(track_id: str, principal: Principal, deps: Dependencies) -> tuple[Track, TrackAnalysis | None]:
    """Return a track of the user and its analysis, which is queued if there is none. Raises `TrackNotFoundError`.

    Few users ask for the features of speech, and an analysis takes as much time as the synthesis: it waits for the first request.
    """
    track = await deps.tracks.get(track_id, user_id=principal.user_id)
    analysis = await deps.analyses.find_one({"_id": track_id})
    if analysis is None:
        await queue_analysis(track_id, deps)
    return track, analysis


async def repeat_analysis(track_id: str, principal: Principal, deps: Dependencies) -> tuple[Track, TrackAnalysis]:
    """Queue the analysis of a track again. Raises `TrackNotFoundError`, `TrackWithoutAudioError`."""
    track = await deps.tracks.get(track_id, user_id=principal.user_id)
    if track.object_key is None:
        raise TrackWithoutAudioError
    await queue_analysis(track_id, deps)
    analysis = await deps.analyses.update(track_id, TrackAnalysis.repeat)
    deps.worker.wake()
    return track, analysis


async def find_statuses(tracks: Sequence[Track], deps: Dependencies) -> Mapping[str, AnalysisStatus]:
    """Return the status of the features of tracks, by track id."""
    found = await deps.analyses.of_tracks([track.id for track in tracks if track.object_key is not None])
    return {track.id: status_of(track, found.get(track.id)) for track in tracks}


def status_of(track: Track, analysis: TrackAnalysis | None) -> AnalysisStatus:
    """Return the status of the features of a track, which has none without audio."""
    if track.object_key is None:
        return AnalysisStatus.UNAVAILABLE
    return AnalysisStatus.PENDING if analysis is None else analysis.analysis_status


async def remove_analysis(track_id: str, deps: Dependencies) -> None:
    """Remove the analysis of a deleted track; idempotent. An attempt in progress loses its lease."""
    with suppress(TrackNotFoundError):
        await deps.analyses.update(track_id, TrackAnalysis.erase)


async def perform_analysis(deps: Dependencies, analysis: TrackAnalysis, attempt: Attempt) -> Result[TrackAnalysis]:
    """Analyse the current audio of a track. Raises `FeatureAnalysisFailedError`, and the errors of storage."""
    track = await deps.tracks.find_one({"_id": analysis.id})
    if track is None:  # deleted after the analysis was queued
        return Result(TrackAnalysis.erase)
    try:
        async with deps.scratch.work_folder("analysis") as folder:
            path = folder / "audio"
            await fetch(track, path, deps.objects)
            features = await deps.analyser.analyse(path)
    except _UNAVAILABLE as error:
        code, message = error.code, error.message
        return Result(lambda held: held.complete_without_features(attempt.number, code, message))
    counter = track.audio_counter
    return Result(lambda held: held.complete(attempt.number, counter, features))
