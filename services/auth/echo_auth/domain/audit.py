"""Entries of the audit log and their hash chain."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from echo_common.contracts.http.audit import AuditAction

Details = Mapping[str, bool | int | str | None]

FIRST_HASH = "0" * 64
"""Hash before the first entry."""


@dataclass(frozen=True, slots=True)
class Head:
    """Sequence number and hash of the newest entry of a log."""

    sequence: int = 0
    hash: str = FIRST_HASH


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log; users are named by pseudonyms."""

    sequence: int
    at: datetime
    action: AuditAction
    actor: str | None
    target: str | None
    network: str | None
    details: Details
    previous: str

    def hash(self, key: bytes) -> str:
        """Return the HMAC-SHA-256 of all fields, hence of all entries before."""
        fields = {
            "sequence": self.sequence,
            "at": int(self.at.timestamp() * 1000),
            "action": self.action.value,
            "actor": self.actor,
            "target": self.target,
            "network": self.network,
            "details": dict(self.details),
            "previous": self.previous,
        }
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hmac.new(key, canonical.encode(), sha256).hexdigest()
