"""Request and response bodies of passkeys, with the JSON forms of WebAuthn Level 3."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from echo_common.contracts.http.base import Name, RequestBody

_Base64Url = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+={0,2}$", max_length=8192)]
_CredentialId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+={0,2}$", max_length=1364)]


class _Part(BaseModel):
    """Part of a browser's credential; fields that Echo does not need are ignored."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True, extra="ignore")

    def dump(self) -> dict[str, Any]:
        """Return the JSON form of WebAuthn."""
        return self.model_dump(exclude_none=True)


class AttestationResponse(_Part):
    """Response of an authenticator to `navigator.credentials.create()`."""

    client_data_json: _Base64Url = Field(alias="clientDataJSON")
    attestation_object: _Base64Url = Field(alias="attestationObject")


class AssertionResponse(_Part):
    """Response of an authenticator to `navigator.credentials.get()`."""

    client_data_json: _Base64Url = Field(alias="clientDataJSON")
    authenticator_data: _Base64Url = Field(alias="authenticatorData")
    signature: _Base64Url
    user_handle: _Base64Url | None = Field(None, alias="userHandle")


class NewCredential(_Part):
    """The result of `navigator.credentials.create()`, as `toJSON()` returns it."""

    id: _CredentialId
    raw_id: _CredentialId = Field(alias="rawId")
    type: Literal["public-key"] = "public-key"
    response: AttestationResponse


class Credential(_Part):
    """The result of `navigator.credentials.get()`, as `toJSON()` returns it."""

    id: _CredentialId
    raw_id: _CredentialId = Field(alias="rawId")
    type: Literal["public-key"] = "public-key"
    response: AssertionResponse


NEW_CREDENTIAL_EXAMPLE = {
    "id": "pWrq…",
    "rawId": "pWrq…",
    "type": "public-key",
    "response": {"clientDataJSON": "eyJ0…", "attestationObject": "o2Nm…"},
}
CREDENTIAL_EXAMPLE: dict[str, Any] = {
    "id": "pWrq…",
    "rawId": "pWrq…",
    "type": "public-key",
    "response": {"clientDataJSON": "eyJ0…", "authenticatorData": "SZYN…", "signature": "MEUC…", "userHandle": "dXNy…"},
}


class PasskeyOptions(BaseModel):
    """Options for `navigator.credentials`; their result is accepted once, within ten minutes."""

    public_key: dict[str, Any] = Field(
        description="Argument of `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`."
    )


class RegisterPasskeyRequest(RequestBody):
    """A new passkey."""

    name: Name = Field(description="Name of the passkey or its device.", examples=["Ada's phone"])
    credential: NewCredential = Field(examples=[NEW_CREDENTIAL_EXAMPLE])


class RenamePasskeyRequest(RequestBody):
    """A new name of a passkey."""

    name: Name = Field(examples=["Ada's phone"])


class PasskeyLoginRequest(RequestBody):
    """A login with a passkey."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"credential": CREDENTIAL_EXAMPLE}]})

    credential: Credential


class PasskeyView(BaseModel):
    """A passkey of the current user."""

    id: str
    name: str
    backed_up: bool = Field(description="Whether the passkey is stored in an account of its provider, beyond one device.")
    created_at: datetime
    last_used_at: datetime | None
