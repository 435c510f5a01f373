"""Use cases of captions: those of a playlist, with the times of its stream."""

from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.captions import Cue, read_vtt, shift
from echo_listening.dependencies import Dependencies
from echo_listening.domain.captions import TrackCaptions
from echo_listening.domain.timeline import TimelineItem
from echo_listening.domain.tracks import Track

_LONGEST: Final = 4_000_000
"""Characters of the captions of a track: those of about three days of speech."""


async def captions_of(
    items: Sequence[TimelineItem], principal: Principal, token: str, deps: Dependencies
) -> AsyncGenerator[Sequence[Cue], None]:
    """Yield the captions of each track that has any, with the times of the stream.

    Captions of the user's own speech that are not stored are read from synthesis and stored: the others who may hear the track
    read them from then on.
    """
    without = set[str]()
    for item in items:
        if item.track.id in without:
            continue
        vtt = await _find_vtt(item.track, principal, token, deps)
        if vtt is None:
            without.add(item.track.id)  # the same track may occur many times; synthesis is asked once
        else:
            yield [cue for cue in shift(read_vtt(vtt), item.start) if cue.start < item.start + item.duration]


async def find_captioned(items: Sequence[TimelineItem], deps: Dependencies) -> Collection[str]:
    """Return the ids of the tracks for whose present audio captions are stored."""
    stored = await deps.captions.counters([item.track.id for item in items])
    return {item.track.id for item in items if stored.get(item.track.id) == item.track.audio_counter}


async def _find_vtt(track: Track, principal: Principal, token: str, deps: Dependencies) -> str | None:
    if track.audio_id is None:
        return None
    held = await deps.captions.find(track.id, track.audio_counter)
    if held is not None:
        return held.vtt
    if track.user_id != principal.user_id:
        return None
    vtt = await deps.speech_captions.find(track.audio_id, token)
    if vtt is None or len(vtt) > _LONGEST:
        return None
    await _store(TrackCaptions(track_id=track.id, user_id=track.user_id, audio_counter=track.audio_counter, vtt=vtt), deps)
    return vtt


async def _store(captions: TrackCaptions, deps: Dependencies) -> None:
    """Store captions, unless the track was deleted or its audio has another revision meanwhile."""
    await deps.captions.save(captions)
    # stored first: a deletion that is handled from now on removes the captions itself
    track = await deps.tracks.find_one({"_id": captions.track_id})
    if track is None or track.audio_counter != captions.audio_counter:
        await deps.captions.remove(captions.track_id)
