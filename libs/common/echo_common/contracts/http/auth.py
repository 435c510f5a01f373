"""Request and response bodies of auth: users, sessions, and the data that services need to verify tokens."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from echo_common.contracts.http.alternatives import at_least_one
from echo_common.contracts.http.base import Name, RequestBody, SecretText
from echo_common.contracts.http.passkeys import CREDENTIAL_EXAMPLE, Credential
from echo_common.contracts.values import Plan, Role

ISSUER: Final = "echo-auth"
AUDIENCE: Final = "echo"
EXPORT_AUDIENCE: Final = "echo-export"
"""Audience of tokens with which auth reads everything that a service stores for a user; nothing else accepts them."""
TOKEN_ALGORITHM = "Ed25519"  # noqa: S105 - the name of RFC 9864 for what RFC 8037 called EdDSA
ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068
JWKS_PATH = "/.well-known/jwks.json"
TRUST_PATH = "/internal/trust"
LOCAL_SESSION_PATH = "/internal/local-session"
RECIPIENT_PATH = "/internal/recipient"
LOCAL_USER_ID: Final = "usr_local"
"""The user of the Echo API without a token; see `ECHO_API_WITHOUT_TOKEN`. This user cannot log in."""


def _not_in_future(day: date) -> date:
    if not date(1900, 1, 1) <= day <= datetime.now(UTC).date():
        raise ValueError("must lie between 1900 and today")
    return day


def _address(text: str) -> str:
    # domains that resolve only locally (ada@intranet) are valid: Echo is self-hosted
    try:
        return validate_email(text, check_deliverability=False, globally_deliverable=False).normalized.lower()
    except EmailNotValidError as error:
        raise ValueError("must be an email address") from error


Email = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"}), AfterValidator(_address)]
"""Normalised email address: case is ignored."""
Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]
BirthDate = Annotated[date, AfterValidator(_not_in_future)]
NewPassword = Annotated[SecretText, Field(min_length=8, max_length=128)]
Password = Annotated[SecretText, Field(min_length=1, max_length=128)]
RefreshToken = Annotated[SecretText, Field(min_length=1, max_length=256)]
LinkToken = Annotated[SecretText, Field(min_length=1, max_length=200)]
SecondFactorCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
"""TOTP code or recovery code, with or without spaces."""


CODE = "Current code of the authenticator app, or a recovery code"
PASSKEY_RESPONSE = "A passkey's response to options for a login"
DISCOVERABLE = "Let other users find the account by its exact email address or username, to share with it."


class RegisterRequest(RequestBody):
    """A registration."""

    email: Email = Field(examples=["ada@example.com"])
    password: NewPassword = Field(description="Password of 8 to 128 characters.", examples=["correct horse battery"])
    username: Username | None = Field(None, description="3 to 32 letters, digits, dots and dashes.", examples=["ada"])
    first_name: Name | None = None
    last_name: Name | None = None
    preferred_language: Language | None = Field(None, description="BCP-47 tag.", examples=["en"])
    date_of_birth: BirthDate | None = None


class LoginRequest(RequestBody):
    """Credentials: email or username, and the password."""

    model_config = at_least_one("email", "username")

    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254)] | None = Field(
        None, description="Email address or username.", examples=["ada@example.com"]
    )
    username: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254)] | None = Field(
        None, description="Username, instead of `email`.", examples=["ada"]
    )
    password: Password = Field(examples=["correct horse battery"])
    totp_code: SecondFactorCode | None = Field(
        None, description=f"{CODE}, if the account requires a second factor.", examples=["492039"]
    )
    passkey: Credential | None = Field(
        None, description=f"{PASSKEY_RESPONSE}, instead of `totp_code`.", examples=[CREDENTIAL_EXAMPLE]
    )


class RefreshRequest(RequestBody):
    """A single-use refresh token."""

    refresh_token: RefreshToken | None = Field(
        None, description="Refresh token; unset if it is in the cookie.", examples=["sTf0…"]
    )


class UserView(BaseModel):
    """A user."""

    id: str
    email: str | None = Field(description="Email address; null for a guest, and for a user who registered with Spotify.")
    username: str | None
    first_name: str | None
    last_name: str | None
    preferred_language: str | None
    date_of_birth: date | None
    plan: Plan
    role: Role
    two_factor_enabled: bool = Field(description="Whether logins with the password need a second factor.")
    discoverable: bool = Field(description=DISCOVERABLE)
    created_at: datetime
    last_login: datetime | None
    last_active_date: datetime | None = Field(description="Time of the last activity, to within an hour.")


class UserPatch(RequestBody):
    """Changes of the current user; absent fields stay unchanged."""

    username: Username | None = Field(None, description="New username.", examples=["ada"])
    email: Email | None = Field(
        None,
        description="New email address, with `current_password`; it replaces the current one when its owner opens the link "
        "that is sent there.",
    )
    current_password: Password | None = Field(None, description="Current password, for a new email address.")
    discoverable: bool | None = Field(None, description=DISCOVERABLE, examples=[True])


class FoundUser(BaseModel):
    """A user who allows to be found."""

    id: str
    name: str | None = Field(description="First and last name, or the username.")


class RecipientRequest(RequestBody):
    """The recipient of a share, by id or by email address, and the user who shares."""

    user_id: str | None = None
    email: Email | None = None
    shared_by: str


class Recipient(BaseModel):
    """The id of an existing user."""

    user_id: str


class Tokens(BaseModel):
    """A token pair: an access token for requests, and a refresh token for the next pair."""

    access_token: str
    refresh_token: str | None = Field(
        description="Single-use token; presenting it twice ends the session. Absent if it is in the cookie.",
        exclude_if=lambda token: token is None,
    )
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int = Field(description="Lifetime of the access token in seconds.")


class LocalSession(BaseModel):
    """An access token of the local user."""

    access_token: str
    expires_in: int = Field(description="Lifetime of the access token in seconds.")


class Login(Tokens):
    """Tokens and their user."""

    user: UserView


class EchoUserRequest(RequestBody):
    """The user of the requested Echo API document."""

    email: Email = Field(examples=["ada@example.com"])


class EchoUser(BaseModel):
    """A user in the Echo API; the document of a new guest includes the tokens."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    id: str = Field(alias="_id")
    name: str
    email: str
    created_at: datetime
    access_token: str | None = None
    refresh_token: str | None = None

    @model_serializer(mode="wrap")
    def _omit_absent_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body: dict[str, Any] = handler(self)
        return {name: value for name, value in body.items() if value is not None}


class AccessClaims(BaseModel):
    """Claims of an access token; strict, so that tokens in any other form are rejected."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    iss: Literal["echo-auth"] = ISSUER
    aud: Literal["echo", "echo-export"] = AUDIENCE
    sub: Annotated[str, Field(min_length=1, description="User id.")]
    sid: Annotated[str, Field(min_length=1, description="Session id.")]
    iat: Annotated[int, Field(strict=True)]
    exp: Annotated[int, Field(strict=True)]
    jti: Annotated[str, Field(min_length=1)]
    plan: Plan
    role: Role
    scope: str = Field(description="Scopes, separated by spaces.")
    ver: Annotated[int, Field(strict=True, description="The user's token version at issue.")]
    locale: Language | None = Field(None, description="The user's preferred language.")


class Jwks(BaseModel):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, Any]]


class TrustDocument(BaseModel):
    """Data for verifying access tokens; polled with `If-None-Match`."""

    keys: Jwks
    revoked_sessions: list[str] = Field(description="Sessions ended while one of their access tokens may still be valid.")
    token_versions: dict[str, int] = Field(
        description="Users with revoked access tokens, and the lowest valid version of each."
    )
    system_settings: dict[str, bool | int | str] = Field(
        default_factory=dict, description="System settings that differ from their defaults, by key."
    )
