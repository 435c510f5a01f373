"""WebAuthn ceremonies of this platform as the relying party (WebAuthn Level 2, section 7)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, options_to_json_dict, parse_client_data_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from echo_auth.domain.passkeys import Passkey
from echo_auth.domain.users import User
from echo_common.contracts.errors.passkeys import InvalidPasskeyError
from echo_common.contracts.http.passkeys import Credential, NewCredential

_NAME = "Echo"
_TIMEOUT_MS = 5 * 60 * 1000
"""Time for which browsers wait for the user; the result is accepted for longer, see `Challenges`."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A verified new credential."""

    credential_id: str
    public_key: bytes
    sign_count: int
    backed_up: bool


class RelyingParty:
    """The relying party: its id is the host of the public URL, and credentials are accepted from this origin alone."""

    def __init__(self, public_url: str) -> None:
        self._origin = public_url
        self._id = urlsplit(public_url).hostname or ""

    def build_registration_options(self, user: User, existing: Sequence[Passkey], challenge: bytes) -> dict[str, Any]:
        """Build the options of a registration; the authenticator refuses if it holds one of the existing passkeys.

        An authenticator that cannot check a PIN or biometrics may register: its passkey is a second factor.
        """
        options = generate_registration_options(
            rp_id=self._id,
            rp_name=_NAME,
            user_id=user.id.encode(),
            user_name=user.email or user.username or user.id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.PREFERRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=_decoded(passkey.credential_id)) for passkey in existing],
        )
        return options_to_json_dict(options)

    def build_login_options(self, challenge: bytes, *, verify_user: bool) -> dict[str, Any]:
        """Build the options of a login with any passkey of this platform.

        With `verify_user`, the authenticator must check a PIN or biometrics; without, it does so if it can.
        """
        preferred, required = UserVerificationRequirement.PREFERRED, UserVerificationRequirement.REQUIRED
        options = generate_authentication_options(
            rp_id=self._id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            user_verification=required if verify_user else preferred,
        )
        return options_to_json_dict(options)

    def verify_registration(self, credential: NewCredential, challenge: bytes) -> Registered:
        """Verify a new credential. Raises `InvalidPasskeyError`."""
        try:
            verified = verify_registration_response(
                credential=credential.dump(),
                expected_challenge=challenge,
                expected_rp_id=self._id,
                expected_origin=self._origin,
            )
        except Exception as error:  # malformed input raises errors of many kinds
            raise InvalidPasskeyError from error
        return Registered(
            credential_id=bytes_to_base64url(verified.credential_id),
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            backed_up=verified.credential_backed_up,
        )

    def verify_login(self, credential: Credential, passkey: Passkey, challenge: bytes, *, verify_user: bool) -> int:
        """Verify a signature by a passkey and return its counter, which must exceed the last one.

        With `verify_user`, the authenticator must have checked a PIN or biometrics. Raises `InvalidPasskeyError`.
        """
        handle = credential.response.user_handle
        try:
            verified = verify_authentication_response(
                credential=credential.dump(),
                expected_challenge=challenge,
                expected_rp_id=self._id,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=verify_user,
            )
            if handle is not None and _decoded(handle) != passkey.user_id.encode():
                raise InvalidPasskeyError
        except Exception as error:
            raise InvalidPasskeyError from error
        return verified.new_sign_count


def read_challenge(credential: NewCredential | Credential) -> bytes:
    """Return the challenge that a credential claims to sign. Raises `InvalidPasskeyError`."""
    try:
        return parse_client_data_json(_decoded(credential.response.client_data_json)).challenge
    except Exception as error:
        raise InvalidPasskeyError from error


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
