"""Errors with a stable code and an HTTP status: defined in their modules, rendered in one place (the envelope)."""

import errno
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn

Details = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class EchoError(Exception):
    """Base class of errors that clients may see.

    A subclass defines `code` (UPPER_SNAKE, never changed once published) and `status`. The first line of its docstring is the
    default message: what is wrong and what to do.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    remote: ClassVar[bool] = False
    """True for an error of another service, which has reported it."""
    may_quote_text: ClassVar[bool] = False
    """True if a message may quote the text of a user; the error log then has the default message in its place."""

    def __init__(self, message: str | None = None, *, details: Details | None = None, retry_after: int | None = None) -> None:
        self.message = message or self.default_message()
        self.details = details
        self.retry_after = retry_after
        super().__init__(self.message)

    @classmethod
    def default_message(cls) -> str:
        """Return the message of errors of this class that have none of their own."""
        return (cls.__doc__ or "").strip().split("\n")[0]

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields of the response, in addition to the envelope's."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class InternalError(EchoError):
    """An internal error occurred; give the request id to the operator."""


class ValidationError(EchoError):
    """The request is not valid."""

    code = "VALIDATION_ERROR"
    status = 422


class InvalidJsonError(ValidationError):
    """The body is not valid JSON; correct it at the position in the details."""

    code = "INVALID_JSON"


class JsonRequiredError(EchoError):
    """The body must be JSON, declared by the header Content-Type: application/json. With curl, add `-H 'Content-Type: application/json'`."""

    code = "JSON_REQUIRED"
    status = 415


class UnauthenticatedError(EchoError):
    """A valid access token is required; log in first."""

    code = "UNAUTHENTICATED"
    status = 401


class ForbiddenError(EchoError):
    """This credential does not permit the request."""

    code = "FORBIDDEN"
    status = 403


class LinkInvalidError(ForbiddenError):
    """The link is invalid or expired; request another."""

    code = "LINK_INVALID"


class NotFoundError(EchoError):
    """The resource was not found."""

    code = "NOT_FOUND"
    status = 404


class MethodNotAllowedError(EchoError):
    """This path does not support the method."""

    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        super().__init__()
        self.allowed = allowed

    @property
    def headers(self) -> Mapping[str, str]:
        """The methods that the path supports, if they are known."""
        return {"Allow": ", ".join(self.allowed)} if self.allowed else {}


class ConflictError(EchoError):
    """The request conflicts with the current state."""

    code = "CONFLICT"
    status = 409


class BodyTooLargeError(EchoError):
    """The request body is too large."""

    code = "BODY_TOO_LARGE"
    status = 413


class FileTooLargeError(BodyTooLargeError):
    """The file is too large."""

    code = "FILE_TOO_LARGE"


class UnsupportedMediaError(EchoError):
    """This media type is not supported; send the file in another format."""

    code = "UNSUPPORTED_MEDIA"
    status = 415


class BadRequestError(EchoError):
    """The request is not valid HTTP."""

    code = "BAD_REQUEST"
    status = 400


class HeaderTooLargeError(EchoError):
    """The request header is too large; send at most 64 KB."""

    code = "HEADER_TOO_LARGE"
    status = 431


class RequestTimeoutError(EchoError):
    """The request did not arrive in time; send it again."""

    code = "REQUEST_TIMEOUT"
    status = 408


class TooManyConnectionsError(EchoError):
    """Too many connections are open; try again shortly."""

    code = "TOO_MANY_CONNECTIONS"
    status = 503


class RateLimitedError(EchoError):
    """Too many requests; try again after the time in Retry-After."""

    code = "RATE_LIMITED"
    status = 429


class ServiceUnavailableError(EchoError):
    """A part of the platform is not reachable right now; try again shortly."""

    code = "SERVICE_UNAVAILABLE"
    status = 503

    def __init__(self, message: str | None = None, *, details: Details | None = None, retry_after: int | None = 2) -> None:
        super().__init__(message, details=details, retry_after=retry_after)


class StorageFullError(ServiceUnavailableError):
    """The disk of the platform is full; free some space, then try again."""

    code = "STORAGE_FULL"


def is_failure(error: BaseException) -> bool:
    """Return whether an error is a failure of the platform: neither the client's mistake nor an outage."""
    return not isinstance(error, EchoError) or (error.status >= 500 and error.status != 503)


def refuse(field: str, message: str) -> NoReturn:
    """Reject one field of a request. Raises `ValidationError`."""
    raise ValidationError(message, details=[{"field": field, "message": message}])


def is_disk_full(error: BaseException) -> bool:
    """Return whether a write failed because the disk is full; also recognises errors of FFmpeg."""
    return getattr(error, "errno", None) in _DISK_FULL
