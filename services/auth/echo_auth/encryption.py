"""Purposes of the keys that are derived from ECHO_AUTH_SECRET."""

from enum import StrEnum
from typing import Final

SETTING: Final = "ECHO_AUTH_SECRET"


class Purpose(StrEnum):
    """The purpose of a derived key; what is encrypted for one purpose cannot be decrypted for another."""

    SIGNING_KEYS = "echo-auth signing keys"
    AUDIT_CHAIN = "echo-auth audit chain"
    PSEUDONYMS = "echo-auth pseudonyms"
    LINK_TOKENS = "echo-auth link tokens"
    TOTP_SECRETS = "echo-auth totp secrets"
    EXPORT_LINKS = "echo-auth export links"
