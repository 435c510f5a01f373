"""Reasons of failed exports."""

from echo_common.errors import EchoError


class ExportObjectDamagedError(EchoError):
    """A file is damaged: its bytes differ from its checksum. Delete it, then request another export."""

    code = "EXPORT_OBJECT_DAMAGED"


class ExportTooLargeError(EchoError):
    """The data exceeds the limit of an export; ask the operator to raise the system setting export.max_bytes."""

    code = "EXPORT_TOO_LARGE"


class ExportTimeoutError(EchoError):
    """The export took too long; ask the operator to raise the system setting export.max_minutes."""

    code = "EXPORT_TIMEOUT"


class ExportDiskFullError(EchoError):
    """The disk of the platform is full; ask the operator to free some space, then request another export."""

    code = "EXPORT_DISK_FULL"
