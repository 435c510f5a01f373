"""Signatures of webhooks in the format of Standard Webhooks (https://www.standardwebhooks.com)."""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
_SECRET_BYTES: Final = 32


def create_secret() -> str:
    """Create a secret: the recognisable prefix and 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signatures of a message with each of the secrets, separated by spaces.

    Args:
        keys: The secrets, the current one first.
        message_id: Value of the header `webhook-id`.
        timestamp: Time of the attempt, in seconds since 1970.
        body: The body of the request.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(base64.b64decode(key.removeprefix(SECRET_PREFIX)), signed, "sha256") for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def signed_headers(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """Return the header fields of a signed request."""
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(keys, message_id, timestamp, body),
    }
