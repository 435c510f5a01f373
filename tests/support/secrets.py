"""Secrets that must not appear in logs and traces."""

import re
from collections.abc import Iterator

from tests.support.person import PASSWORD

_PATTERNS = {
    "access token": re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"),
    "refresh token": re.compile(r"ses_[0-9A-Z]{26}\.[\w-]{20,}\.[\w-]{20,}"),
    "API key": re.compile(r"\becho_[\w-]{43}"),
    "password hash": re.compile(r"\$argon2id\$"),
    "code or token of Spotify": re.compile(r"spotify-(code|access|refresh)-[\w-]{20,}"),
    "private key": re.compile(r"BEGIN [A-Z ]*PRIVATE KEY"),
}


def secrets_in(text: str, *known: str) -> Iterator[str]:
    """Yield the kinds of secrets in a text: known values, the passwords of tests, and everything with the form of a secret."""
    for value in (PASSWORD, *known):
        if value in text:
            yield f"the secret {value[:6]}…"
    for kind, pattern in _PATTERNS.items():
        if found := pattern.search(text):
            yield f"{kind} {found.group()[:24]}…"
