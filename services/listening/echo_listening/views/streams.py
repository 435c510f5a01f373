"""Views of streams."""

from echo_common.contracts.http.streams import SkippedItemView, TimelineItemView, TimelineView
from echo_listening.domain.playlists import Playlist
from echo_listening.domain.timeline import Timeline

_PLACES = 3


def timeline_view(playlist: Playlist, timeline: Timeline) -> TimelineView:
    """Build the view of a timeline."""
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
