"""Tracks: recordings that playlists can hold."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.listening import TrackDeleted, TrackUploaded
from echo_common.contracts.http.tracks import TrackPatch
from echo_common.contracts.values import TrackSource
from echo_common.errors import ValidationError
from echo_listening.domain.spotify import SpotifyTrack

TRACK_PREFIX: Final = "track_"


class SpeechFile(BaseModel):
    """The current file of generated speech. `counter` grows with every revision of the audio; that of the first file is 1."""

    model_config = ConfigDict(frozen=True)

    duration: float
    object_key: str | None
    mime: str | None
    size: int
    counter: int = 1


class UploadedFile(BaseModel):
    """The stored file of an upload. `checksum` is the SHA-256 of its bytes, in hex."""

    model_config = ConfigDict(frozen=True)

    duration: float
    object_key: str
    mime: str
    size: int
    checksum: str


class TrackFields(BaseModel):
    """Metadata of an upload."""

    model_config = ConfigDict(frozen=True)

    name: str
    artists: tuple[str, ...] = ()
    album: str | None = None
    genres: tuple[str, ...] = ()


class Track(Aggregate):
    """A recording of a user: generated speech, an upload, or metadata of Spotify.

    `search` is the name, case folded. `object_key`, `mime` and `size` are those of its file in object storage, which belongs to
    synthesis if the track is speech; `audio_counter` tells which revision of the audio it is. `checksum` is that of an upload.
    """

    user_id: str
    source: TrackSource
    name: str
    search: str = ""
    artists: tuple[str, ...] = ()
    album: str | None = None
    genres: tuple[str, ...] = ()
    popularity: int | None = None
    duration: float | None = None
    spotify_id: str | None = None
    cover_url: str | None = None
    audio_id: str | None = None
    voice_id: str | None = None
    object_key: str | None = None
    mime: str | None = None
    size: int | None = None
    checksum: str | None = None
    audio_counter: int = 0

    @classmethod
    def of_speech(cls, audio_id: str, user_id: str, voice_id: str, file: SpeechFile, generated_at: datetime) -> "Track":
        """Create the track of an audio; the same for the same audio."""
        name = f"Speech {generated_at:%Y-%m-%d %H:%M:%S}"
        track = cls(
            id=cls.id_of_speech(audio_id),
            user_id=user_id,
            source=TrackSource.SPEECH,
            name=name,
            search=name.casefold(),
            audio_id=audio_id,
            voice_id=voice_id,
            created_at=generated_at,
        )
        track.replace_file(file)
        return track

    @classmethod
    def upload(cls, track_id: str, user_id: str, file: UploadedFile, fields: TrackFields) -> "Track":
        """Create the track of an uploaded file."""
        track = cls(
            id=track_id,
            user_id=user_id,
            source=TrackSource.UPLOAD,
            name=fields.name,
            search=fields.name.casefold(),
            artists=fields.artists,
            album=fields.album,
            genres=fields.genres,
            duration=file.duration,
            object_key=file.object_key,
            mime=file.mime,
            size=file.size,
            checksum=file.checksum,
            audio_counter=1,
        )
        track.record(TrackUploaded(track_id=track_id, user_id=user_id))
        return track

    @classmethod
    def of_spotify(cls, track_id: str, user_id: str, metadata: SpotifyTrack) -> "Track":
        """Create the track of a track at Spotify."""
        track = cls(id=track_id, user_id=user_id, source=TrackSource.SPOTIFY, name=metadata.name)
        track.replace_metadata(metadata)
        return track

    def replace_metadata(self, metadata: SpotifyTrack) -> None:
        """Use the present metadata of Spotify. A popularity that Spotify does not return any more stays."""
        self.name, self.search = metadata.name, metadata.name.casefold()
        self.artists, self.album, self.duration = metadata.artists, metadata.album, metadata.duration
        self.spotify_id, self.cover_url = metadata.spotify_id, metadata.cover_url
        if metadata.popularity is not None:
            self.popularity = metadata.popularity

    def has_metadata(self, metadata: SpotifyTrack) -> bool:
        """Return whether the track has this metadata of Spotify already."""
        return all(value is None or getattr(self, name) == value for name, value in metadata.model_dump().items())

    @staticmethod
    def id_of_speech(audio_id: str) -> str:
        """Return the id of the track of an audio."""
        return TRACK_PREFIX + audio_id.partition("_")[2]

    def replace_file(self, file: SpeechFile) -> None:
        """Use the file of another revision of the audio, unless a later one is used already."""
        if file.counter <= self.audio_counter:
            return
        self.duration, self.object_key, self.mime, self.size = file.duration, file.object_key, file.mime, file.size
        self.audio_counter = file.counter

    def change(self, patch: TrackPatch) -> None:
        """Change the fields that a patch has. Raises `ValidationError` for those of Spotify's tracks, except their genres."""
        sent = patch.model_fields_set
        if self.source is TrackSource.SPOTIFY and (refused := sorted(sent - {"genres"})):
            message = "Only the genres of a track of Spotify can be changed."
            raise ValidationError(message, details=[{"field": name, "message": message} for name in refused])
        if patch.name is not None:
            self.name, self.search = patch.name, patch.name.casefold()
        if "artists" in sent:
            self.artists = tuple(patch.artists or ())
        if "album" in sent:
            self.album = patch.album
        if "genres" in sent:
            self.genres = tuple(patch.genres or ())

    def remove_voice(self) -> None:
        """Remove the voice, which was deleted or withdrawn; the audio stays."""
        self.voice_id = None

    def delete(self) -> None:
        """Delete the track; remove its objects once this is saved."""
        self.record(TrackDeleted(track_id=self.id, user_id=self.user_id))
        self.erase()
