"""Request and response bodies of API keys, and of their exchange for access tokens."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from echo_common.contracts.http.base import Name, RequestBody, UtcTime
from echo_common.contracts.values import Scope

API_KEY_PREFIX: Final = "echo_"
"""Start of every API key, by which people and scanners recognise one."""
EXCHANGE_PATH: Final = "/internal/exchange"
MAX_CREDENTIAL_LENGTH: Final = 8192


def _distinct(scopes: list[Scope]) -> list[Scope]:
    if len(set(scopes)) != len(scopes):
        raise ValueError("must name each scope once")
    return scopes


class CreateApiKeyRequest(RequestBody):
    """A new API key."""

    name: Name = Field(description="Name by which its owner recognises the key.", examples=["Podcast build"])
    scopes: Annotated[list[Scope], AfterValidator(_distinct)] = Field(
        min_length=1,
        max_length=len(Scope),
        description="Scopes of the key, out of those of the token that creates it.",
        examples=[["speech:read", "speech:write"]],
    )
    expires_at: UtcTime | None = Field(
        None,
        description="Time from which the key is refused, in whole seconds; null for a key that never expires.",
        examples=["2036-01-31T10:00:00Z"],
    )


class ApiKeyView(BaseModel):
    """An API key, without its secret."""

    id: str
    name: str
    prefix: str = Field(description="Start of the key, by which it is recognised.")
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = Field(description="Time from which the key is refused; null if it never expires.")
    last_used_at: datetime | None = Field(description="Time of the last use, exact to about a minute; null if never used.")


class CreatedApiKey(ApiKeyView):
    """A new API key with its secret."""

    key: str = Field(description="The key. It is shown in this response alone.")


class ExchangeRequest(RequestBody):
    """A credential that is no access token of this platform."""

    credential: SecretStr = Field(min_length=1, max_length=MAX_CREDENTIAL_LENGTH)


class ExchangedToken(BaseModel):
    """An access token that stands for another credential."""

    access_token: str
    expires_in: float = Field(description="Seconds during which the token may be used.")
