"""Errors of tickets."""

from echo_common.errors import UnauthenticatedError


class TicketInvalidError(UnauthenticatedError):
    """The ticket is unknown, used or expired; request another."""

    code = "TICKET_INVALID"
