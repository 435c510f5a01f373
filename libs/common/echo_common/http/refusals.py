"""Responses of the server itself to requests that do not reach the app."""

from collections.abc import Sequence
from secrets import token_hex

from echo_common.errors import EchoError
from echo_common.http.envelope import error_response
from echo_common.http.request_telemetry import SECURITY_HEADERS, STRICT_TRANSPORT


def render_refusal(error: EchoError, *, encrypted: bool) -> tuple[Sequence[tuple[bytes, bytes]], bytes]:
    """Return header fields and body of the response to a request that does not reach the app."""
    request_id = f"req_{token_hex(12)}"
    response = error_response(error, request_id)
    headers = [*response.raw_headers, *SECURITY_HEADERS, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
    return [*headers, STRICT_TRANSPORT] if encrypted else headers, bytes(response.body)
