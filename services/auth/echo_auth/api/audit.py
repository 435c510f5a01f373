"""Endpoints for the audit log."""

from typing import Annotated

from fastapi import Depends, Query

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps
from echo_auth.audit_log import StoredEntry
from echo_auth.usecases import audit
from echo_auth.usecases.audit import AuditFilter
from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.audit import AuditAction, AuditEntryView, AuditProblem, AuditVerification
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_common.http.time_range import TimeRangeQuery

PageQuery = Annotated[Page, Depends(paginated("sequence", default="sequence"))]

router = PublicRouter("admin")


@router.endpoint("GET", "/admin/audit", example=enveloped([examples.AUDIT_ENTRY]))
async def list_audit_entries(
    _: Administrator,
    deps: Deps,
    page: PageQuery,
    time: TimeRangeQuery,
    action: Annotated[AuditAction | None, Query(description="Filter by action.")] = None,
    user_id: Annotated[str | None, Query(max_length=64, description="Filter by the user who acted or is concerned.")] = None,
) -> Success[list[AuditEntryView]]:
    """List entries of the audit log, newest first."""
    found, total = await audit.list_entries(AuditFilter(action, user_id, time), page, deps)
    return ok([_view(stored) for stored in found], meta=page.meta(total))


@router.endpoint("GET", "/admin/audit/verification", example=enveloped(examples.AUDIT_VERIFICATION))
async def verify_audit_log(
    _: Administrator,
    deps: Deps,
    sequence: Annotated[int | None, Query(ge=1, le=10**15, description="Sequence number of an entry noted earlier.")] = None,
    noted_hash: Annotated[
        str | None, Query(alias="hash", pattern="^[0-9a-f]{64}$", description="Hash of the entry noted earlier.")
    ] = None,
) -> Success[AuditVerification]:
    """Verify the audit log.

    Reads all entries and finds any that was edited, removed or moved.
    """
    verified = await audit.verify(sequence, noted_hash, deps)
    problems = [AuditProblem(sequence=place, problem=problem) for place, problem in verified.problems]
    return ok(
        AuditVerification(
            intact=not problems,
            entries=verified.entries,
            sequence=verified.head.sequence,
            hash=verified.head.hash,
            problems=problems,
        )
    )


def _view(stored: StoredEntry) -> AuditEntryView:
    entry = stored.entry
    return AuditEntryView(
        sequence=entry.sequence,
        at=entry.at,
        action=entry.action,
        actor=entry.actor,
        target=entry.target,
        network=entry.network,
        details=dict(entry.details),
        previous=entry.previous,
        hash=stored.hash,
    )
