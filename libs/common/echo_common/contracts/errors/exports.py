"""Errors of exports."""

from echo_common.errors import ConflictError, NotFoundError


class ExportNotFoundError(NotFoundError):
    """Export not found or expired; request another with POST /api/v1/users/me/export."""

    code = "EXPORT_NOT_FOUND"


class ExportStateConflictError(ConflictError):
    """The export is not completed; GET /api/v1/users/me/exports/{export_id} tells its progress."""

    code = "EXPORT_STATE_CONFLICT"
