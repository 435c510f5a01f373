"""Request and response bodies of logins at the identity provider."""

from pydantic import BaseModel, Field, SecretStr

from echo_common.contracts.http.base import RequestBody


class IdentityProviderView(BaseModel):
    """The identity provider for logins."""

    configured: bool
    name: str = Field(description="Name for a button.")


class LinkIdentityRequest(RequestBody):
    """The confirmation of a link."""

    link_token: SecretStr = Field(min_length=1, max_length=256, description="Token of the refused login.", examples=["k7Q4…"])
