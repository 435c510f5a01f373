"""Use cases of the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass

from echo_auth.audit_log import StoredEntry, Verification
from echo_auth.dependencies import Dependencies
from echo_auth.domain.audit import Head
from echo_common.contracts.http.audit import AuditAction
from echo_common.http.pagination import Page
from echo_common.http.time_range import ALWAYS, TimeRange
from echo_common.http.validation import invalid


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Filter of the audit log: by action, by the user who acted or is concerned, and by time."""

    action: AuditAction | None = None
    user_id: str | None = None
    time: TimeRange = ALWAYS


async def list_entries(wanted: AuditFilter, page: Page, deps: Dependencies) -> tuple[Sequence[StoredEntry], int]:
    """Return a page of the entries that match, and their total number."""
    where = wanted.time.where("at")
    if wanted.action is not None:
        where["action"] = wanted.action.value
    if wanted.user_id is not None:
        pseudonym = deps.audit.pseudonym(wanted.user_id)
        where["$or"] = [{"actor": pseudonym}, {"target": pseudonym}]
    found = await deps.audit.find(where, sort=[("_id", page.direction)], skip=page.offset, limit=page.limit)
    return found, await deps.audit.count(where)


async def verify(sequence: int | None, noted_hash: str | None, deps: Dependencies) -> Verification:
    """Verify the whole log, and that it still contains the noted entry. Raises `ValidationError` for half a note."""
    if (sequence is None) is not (noted_hash is None):
        raise invalid([{"field": "sequence", "message": "Send both sequence and hash, or neither."}])
    return await deps.audit.verify(None if sequence is None or noted_hash is None else Head(sequence, noted_hash))
