"""Removal of secrets and personal data from texts of errors."""

import re
from typing import Final

REDACTED: Final = "[redacted]"

_PATTERNS: Final = (
    (re.compile(r"\beyJ[\w-]{5,}+\.[\w-]++(\.[\w-]*+)?"), REDACTED),  # a JSON Web Token
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\",;]+"), rf"\1 {REDACTED}"),
    (re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}://)[^\s/@'\"]{1,500}@"), rf"\1{REDACTED}@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|ticket|signature|api[_-]?key|authorization|cookie)[\w-]{0,40}['\"]?\s{0,5}[:=]\s{0,5})"
            r"(?:'[^']*'|\"[^\"]*\"|[^\s,;&)}\]]+)"
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"\b(?:ek|sk|xi|key)[_-][A-Za-z0-9_-]{12,}"), REDACTED),
    (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63}){1,8}"), REDACTED),
)


def redact(text: str) -> str:
    """Replace tokens, keys, passwords, credentials in URLs, and email addresses. The time is linear in the length."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
