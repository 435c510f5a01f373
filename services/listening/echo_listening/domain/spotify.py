"""Links of users to their accounts of Spotify."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.listening import SpotifyLinked, SpotifyUnlinked
from echo_common.contracts.values import SpotifyLinkStatus

REFRESH_EARLY: Final = timedelta(seconds=60)
"""Time before its expiry from which an access token is refreshed."""

REFRESH_LASTS: Final = timedelta(seconds=20)
"""Time after which a refresh that has not ended may be repeated: its process is gone."""


class SpotifyProfile(BaseModel):
    """A user of Spotify."""

    model_config = ConfigDict(frozen=True)

    spotify_user_id: str
    display_name: str | None


class SpotifyTrack(BaseModel):
    """Metadata of a track at Spotify."""

    model_config = ConfigDict(frozen=True)

    spotify_id: str
    name: str
    artists: tuple[str, ...] = ()
    album: str | None = None
    popularity: int | None = None
    duration: float | None = None
    cover_url: str | None = None


class EncryptedTokens(BaseModel):
    """The tokens of a link, encrypted, and the expiry of the access token."""

    model_config = ConfigDict(frozen=True)

    access_token: str
    refresh_token: str
    expiry: datetime


class SpotifyLink(Aggregate):
    """The account of Spotify of a user, whose id it has. Without tokens it has expired.

    `refresh_started_at` tells that a replica refreshes the tokens: a refresh token may be valid once.
    """

    spotify_user_id: str
    display_name: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    token_expiry: datetime | None = None
    scopes: tuple[str, ...] = ()
    linked_at: datetime
    refresh_started_at: datetime | None = None
    top_artists: tuple[str, ...] = ()

    @property
    def status(self) -> SpotifyLinkStatus:
        """The status of the permission."""
        return SpotifyLinkStatus.EXPIRED if self.refresh_token is None else SpotifyLinkStatus.ACTIVE

    @property
    def user_id(self) -> str:
        """The id of the user."""
        return self.id

    def link(self, profile: SpotifyProfile, tokens: EncryptedTokens, scopes: tuple[str, ...], moment: datetime) -> None:
        """Use another permission, maybe of another account of Spotify, whose top artists are not known yet."""
        if profile.spotify_user_id != self.spotify_user_id:
            self.top_artists = ()
        self.spotify_user_id, self.display_name = profile.spotify_user_id, profile.display_name
        self.linked_at, self.scopes = moment, scopes
        self._use(tokens)
        self.record(SpotifyLinked(user_id=self.id))

    def unlink(self) -> None:
        """Erase the link."""
        self.record(SpotifyUnlinked(user_id=self.id))
        self.erase()

    def needs_refresh(self, moment: datetime) -> bool:
        """Return whether the access token has expired, or will soon."""
        return self.token_expiry is None or self.token_expiry <= moment + REFRESH_EARLY

    def is_refreshing(self, moment: datetime) -> bool:
        """Return whether a replica refreshes the tokens."""
        return self.refresh_started_at is not None and self.refresh_started_at > moment - REFRESH_LASTS

    def start_refresh(self, moment: datetime) -> None:
        """Record that this replica refreshes the tokens. The write is conditional on the version: one replica succeeds."""
        self.refresh_started_at = moment

    def finish_refresh(self, used: str, tokens: EncryptedTokens | None) -> None:
        """Use the tokens of a refresh with the refresh token `used`; None after one that failed and may be repeated."""
        if self.refresh_token != used:  # linked again meanwhile
            return
        if tokens is None:
            self.refresh_started_at = None
        else:
            self._use(tokens)

    def expire_access(self, refused: str) -> None:
        """Let the access token `refused` expire: Spotify accepts it no longer."""
        if self.access_token == refused:
            self.token_expiry = None

    def expire(self, refused: str) -> None:
        """Remove the tokens, because Spotify refuses the refresh token `refused`."""
        if self.refresh_token == refused:
            self.access_token = self.refresh_token = self.token_expiry = self.refresh_started_at = None

    def _use(self, tokens: EncryptedTokens) -> None:
        self.access_token, self.refresh_token, self.token_expiry = tokens.access_token, tokens.refresh_token, tokens.expiry
        self.refresh_started_at = None
