"""Spotify as a provider of logins: authorization requests (code with PKCE), and the user who has permitted one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from echo_auth.provider_client import ProviderClient
from echo_auth.settings import AuthSettings
from echo_common.contracts.errors.oidc import IdentityProviderUnavailableError, OidcLoginFailedError
from echo_common.contracts.errors.spotify import SpotifyLoginFailedError, SpotifyUnavailableError

CALLBACK_PATH: Final = "/api/v1/auth/spotify/callback"
ISSUER: Final = "https://accounts.spotify.com"
"""Issuer of the identities, wherever the accounts service of a test is."""

_LONGEST_SUBJECT: Final = 255


@dataclass(frozen=True, slots=True)
class SpotifyUser:
    """A user of Spotify. There is no address: Spotify does not verify it, so it proves nothing."""

    subject: str
    name: str | None


class SpotifyProvider:
    """The configured app at Spotify."""

    def __init__(self, settings: AuthSettings, client_id: str, client: ProviderClient, public_url: str) -> None:
        self._accounts = settings.spotify_accounts_url.rstrip("/")
        self._api = settings.spotify_api_url.rstrip("/")
        self._client_id = client_id
        self._client = client
        # Spotify refuses `localhost`, but not the address of the same machine
        self._callback = public_url.replace("http://localhost", "http://127.0.0.1", 1) + CALLBACK_PATH

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: AuthSettings, public_url: str) -> AsyncIterator["SpotifyProvider | None"]:
        """Open the provider; yields None if Spotify is not configured."""
        if settings.spotify_client_id is None:
            yield None
            return
        async with ProviderClient.open(settings.spotify_accounts_url, (settings.spotify_api_url,)) as client:
            yield cls(settings, settings.spotify_client_id, client, public_url)

    def login_url(self, state: str, verifier: str) -> str:
        """Build the URL of a login at Spotify. It asks for no scope: the profile needs none."""
        url: str = prepare_grant_uri(
            f"{self._accounts}/authorize",
            client_id=self._client_id,
            response_type="code",
            redirect_uri=self._callback,
            state=state,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return url

    async def user_of_code(self, code: str, verifier: str) -> SpotifyUser:
        """Exchange an authorization code and return the user; the tokens are not kept.

        Raises `SpotifyLoginFailedError`, `SpotifyUnavailableError`.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "client_id": self._client_id,
            "code_verifier": verifier,
        }
        try:
            tokens = await self._client.post_form(f"{self._accounts}/api/token", form, None)
            profile = await self._client.get(f"{self._api}/v1/me", f"Bearer {tokens.get('access_token')}")
        except OidcLoginFailedError as error:
            raise SpotifyLoginFailedError from error
        except IdentityProviderUnavailableError as error:
            raise SpotifyUnavailableError(retry_after=error.retry_after) from error
        subject, name = profile.get("id"), profile.get("display_name")
        if not isinstance(subject, str) or not 1 <= len(subject) <= _LONGEST_SUBJECT:
            raise SpotifyUnavailableError
        return SpotifyUser(subject, name if isinstance(name, str) else None)
