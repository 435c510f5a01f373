"""The OpenID Connect identity provider: authorisation requests, and verification of its tokens."""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from echo_auth.oidc_settings import OidcSettings
from echo_auth.provider_client import ProviderClient
from echo_common.auth.tokens import InvalidTokenError
from echo_common.contracts.errors.oidc import IdentityProviderUnavailableError, OidcLoginFailedError

CALLBACK_PATH = "/api/v1/auth/oidc/callback"
_DISCOVERY = "/.well-known/openid-configuration"
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""Signatures with public keys alone: a shared secret, or none, is no proof."""
_LEEWAY_SECONDS = 30
_KEPT_SECONDS = 3600.0
_RENEWED_AFTER_SECONDS = 60.0
"""Age of the keys from which an unknown key id makes auth read them again."""
_MAXIMUM_TOKEN_LENGTH = 8192


@dataclass(frozen=True, slots=True)
class Claims:
    """Verified claims about a user of the identity provider."""

    issuer: str
    subject: str
    email: str | None
    """The email, only if the provider has verified it."""
    first_name: str | None
    last_name: str | None
    language: str | None
    expires_at: int


@dataclass(frozen=True, slots=True)
class _Trusted:
    metadata: Mapping[str, Any]
    keys: KeySet
    read_at: float


class IdentityProvider:
    """The configured identity provider. Its metadata and keys are read when they are first needed, and kept for an hour."""

    def __init__(self, settings: OidcSettings, issuer: str, client: ProviderClient, public_url: str) -> None:
        self._settings = settings
        self._issuer = issuer
        self._client = client
        self._callback = public_url + CALLBACK_PATH
        self._trusted: _Trusted | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: OidcSettings, public_url: str) -> AsyncIterator["IdentityProvider | None"]:
        """Open the identity provider; yields None if none is configured."""
        if settings.issuer is None:
            yield None
            return
        async with ProviderClient.open(settings.issuer, settings.origins) as client:
            yield cls(settings, settings.issuer, client, public_url)

    async def login_url(self, state: str, nonce: str, verifier: str) -> str:
        """Build the URL of a login at the provider (authorisation code with PKCE). Raises `IdentityProviderUnavailableError`."""
        trusted = await self._trust()
        url: str = prepare_grant_uri(
            _text(trusted.metadata, "authorization_endpoint"),
            client_id=self._settings.client_id,
            response_type="code",
            redirect_uri=self._callback,
            scope=self._settings.scopes,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return url

    async def claims_of_code(self, code: str, nonce: str, verifier: str) -> Claims:
        """Exchange an authorisation code and return the claims of its ID token.

        Raises `OidcLoginFailedError`, `IdentityProviderUnavailableError`.
        """
        trusted = await self._trust()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "client_id": self._settings.client_id or "",
            "code_verifier": verifier,
        }
        authorization, secret = None, self._settings.client_secret
        if secret is not None:
            methods = trusted.metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
            if "client_secret_basic" in methods:
                authorization = _basic(form["client_id"], secret.get_secret_value())
            else:
                form["client_secret"] = secret.get_secret_value()
        tokens = await self._client.post_form(_text(trusted.metadata, "token_endpoint"), form, authorization)
        id_token, client_id = tokens.get("id_token"), self._settings.client_id
        required = {"aud": {"essential": True, "value": client_id}, "nonce": {"essential": True, "value": nonce}}
        try:
            claims = await self._verified(id_token if isinstance(id_token, str) else "", required)
        except InvalidTokenError as error:
            raise OidcLoginFailedError from error
        audience = claims["aud"]
        if claims.get("azp", client_id) != client_id or (
            isinstance(audience, list) and len(audience) > 1 and "azp" not in claims
        ):
            raise OidcLoginFailedError
        return self._claims(await self._with_email(claims, tokens, trusted))

    async def claims_of_bearer(self, token: str) -> Claims:
        """Return the claims of an access token for the configured audience.

        Raises `InvalidTokenError`, also if such tokens are not accepted, and `IdentityProviderUnavailableError`.
        """
        if self._settings.bearer_audience is None:
            raise InvalidTokenError
        claims = await self._verified(token, {"aud": {"essential": True, "value": self._settings.bearer_audience}})
        if "nonce" in claims:  # an ID token, which is for the client alone
            raise InvalidTokenError
        return self._claims(claims)

    async def _with_email(self, claims: dict[str, Any], tokens: Mapping[str, Any], trusted: _Trusted) -> Mapping[str, Any]:
        """Return claims with those of the userinfo endpoint if the ID token lacks the email. Raises `OidcLoginFailedError`."""
        access_token = tokens.get("access_token")
        if "email" in claims or "userinfo_endpoint" not in trusted.metadata or not isinstance(access_token, str):
            return claims
        about = await self._client.get(_text(trusted.metadata, "userinfo_endpoint"), f"Bearer {access_token}")
        if about.get("sub") != claims["sub"]:  # OpenID Connect Core, section 5.3.2
            raise OidcLoginFailedError
        return about | claims | {"email": about.get("email"), "email_verified": about.get("email_verified")}

    async def _verified(self, token: str, required: Mapping[str, Any]) -> dict[str, Any]:
        if len(token) > _MAXIMUM_TOKEN_LENGTH:
            raise InvalidTokenError
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            **required,
        )
        try:
            keys = await self._keys_for(jws.extract_compact(token.encode("ascii")).headers().get("kid"))
            claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise InvalidTokenError from error
        if not isinstance(claims["sub"], str) or not 1 <= len(claims["sub"]) <= 255 or not isinstance(claims["exp"], int):
            raise InvalidTokenError
        return claims

    async def _keys_for(self, key_id: object) -> KeySet:
        trusted = await self._trust()
        if any(key.kid == key_id for key in trusted.keys) or time.monotonic() < trusted.read_at + _RENEWED_AFTER_SECONDS:
            return trusted.keys
        return (await self._read()).keys

    async def _trust(self) -> _Trusted:
        trusted = self._trusted
        if trusted is not None and time.monotonic() < trusted.read_at + _KEPT_SECONDS:
            return trusted
        return await self._read()

    async def _read(self) -> _Trusted:
        metadata = await self._client.get(self._issuer.rstrip("/") + _DISCOVERY)
        if metadata.get("issuer") != self._issuer:
            raise IdentityProviderUnavailableError
        try:
            keys = KeySet.import_key_set(await self._client.get(_text(metadata, "jwks_uri")))  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise IdentityProviderUnavailableError from error
        self._trusted = _Trusted(metadata, keys, time.monotonic())
        return self._trusted

    def _claims(self, claims: Mapping[str, Any]) -> Claims:
        verified = claims.get("email_verified") is True
        return Claims(
            issuer=self._issuer,
            subject=claims["sub"],
            email=_optional(claims, "email") if verified else None,
            first_name=_optional(claims, "given_name"),
            last_name=_optional(claims, "family_name"),
            language=_optional(claims, "locale"),
            expires_at=claims["exp"],
        )


def _basic(client_id: str, secret: str) -> str:
    """Return the header of a client (RFC 6749, section 2.3.1)."""
    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def _text(metadata: Mapping[str, Any], name: str) -> str:
    value = metadata.get(name)
    if not isinstance(value, str):
        raise IdentityProviderUnavailableError
    return value


def _optional(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None
