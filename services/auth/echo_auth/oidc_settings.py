"""Settings of the identity provider (OpenID Connect)."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from echo_common.settings import CommaSeparated, is_loopback, settings_config


class OidcSettings(BaseSettings):
    """Settings of logins and tokens of an identity provider; without an issuer there is none."""

    model_config = settings_config("ECHO_AUTH_OIDC_")

    issuer: str | None = Field(
        None,
        description="Issuer of the OpenID Connect identity provider, for example https://login.example.com/realms/team; "
        "unset disables it. Register the callback ECHO_PUBLIC_URL/api/v1/auth/oidc/callback there.",
    )
    client_id: str | None = Field(None, description="Client id of this platform at the identity provider.")
    client_secret: SecretStr | None = Field(None, description="Client secret; unset for a public client.")
    name: str = Field("Single sign-on", max_length=100, description="Name of the identity provider, for users.")
    scopes: str = Field("openid email profile", description="Scopes to request, separated by spaces; openid is required.")
    origins: CommaSeparated = Field(
        (),
        description="Further origins of the identity provider's endpoints, comma-separated, for example "
        "https://oauth2.googleapis.com; requests go to these and the issuer's only.",
    )
    create_users: bool = Field(
        True, description="Create an account at the first login of an unknown user with a verified email."
    )
    link_verified_emails: bool = Field(
        False,
        description="Link accounts with the same email without confirmation by the user, if the provider and this platform have "
        "verified it.",
    )
    bearer_audience: str | None = Field(
        None, description="Audience of the issuer's access tokens that are accepted as bearer tokens; unset accepts none."
    )

    @field_validator("issuer")
    @classmethod
    def _secure(cls, issuer: str | None) -> str | None:
        parts = urlsplit(issuer or "")
        if issuer is not None and (
            not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)))
        ):
            raise ValueError("it must be an https:// URL")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _with_openid(cls, scopes: str) -> str:
        if "openid" not in scopes.split():
            raise ValueError("it must contain openid")
        return scopes

    @model_validator(mode="after")
    def _complete(self) -> "OidcSettings":
        if self.issuer is not None and self.client_id is None:
            raise ValueError("ECHO_AUTH_OIDC_ISSUER needs ECHO_AUTH_OIDC_CLIENT_ID")
        return self
