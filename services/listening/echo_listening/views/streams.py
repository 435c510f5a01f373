"""Views of streams."""

from collections.abc import Collection

from echo_common.contracts.http.streams import SkippedItemView, TimelineItemView, TimelineView
from echo_listening.domain.playlists import Playlist
from echo_listening.domain.timeline import Timeline

_PLACES = 3


def timeline_view(playlist: Playlist, timeline: Timeline, captioned: Collection[str]) -> TimelineView:
    """Build the view of a timeline; `captioned` are the ids of the tracks that have captions."""
    return TimelineView(
        playlist_id=playlist.id,
        revision=playlist.revision,
        duration=round(timeline.duration, _PLACES),
        items=[
            TimelineItemView(
                item_id=item.item_id,
                track_id=item.track.id,
                name=item.track.name,
                start=round(item.start, _PLACES),
                duration=round(item.duration, _PLACES),
                captions=item.track.id in captioned,
            )
            for item in timeline.items
        ],
        skipped=[
            SkippedItemView(
                item_id=item.item_id,
                track_id=item.track_id,
                name=item.name,
                code=item.reason.code,
                message=item.reason.message,
            )
            for item in timeline.skipped
        ],
    )
