"""Captions of tracks."""

from pydantic import BaseModel, ConfigDict


class TrackCaptions(BaseModel):
    """The captions of a revision of a track's audio, as WebVTT. They are shared with all who may hear the track."""

    model_config = ConfigDict(frozen=True)

    track_id: str
    user_id: str
    audio_counter: int
    vtt: str
