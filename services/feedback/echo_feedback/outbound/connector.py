"""TCP connections of the client with bounds on the bytes that a receiver sends."""

from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

LARGEST_HEAD_BYTES: Final = 65_536
"""Bytes up to the end of the headers of the response, informational responses included."""
INFORMATIONAL_RESPONSES: Final = 8
LARGEST_BODY_BYTES: Final = 1_048_576
"""Bytes after the headers. The client closes the connection once it has the start of the body; these are for the rest of it that
arrives meanwhile, and for the lengths and extensions of chunks, which could go on without content."""

_PART_BYTES: Final = 4096


class BoundedConnector(aiohttp.TCPConnector):
    """A connector whose connections end with an error if a receiver sends more than the bounds.

    Without them, a receiver that repeats `100 Continue` occupies the event loop: aiohttp parses and skips these responses in one
    loop, which waits for nothing while there are more of them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        factory: partial[Any] = partial(_BoundedResponseHandler, loop=self._loop)
        self._factory = factory


class _BoundedResponseHandler(ResponseHandler):
    """A protocol that drops informational responses, at most `INFORMATIONAL_RESPONSES`, and fails after that."""

    _responded = False
    _failed = False
    _informational = 0
    _head_bytes = 0
    _body_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Parse in parts until the response is there, because one part can hold thousands of informational responses."""
        rest = memoryview(data)
        while rest and not self._responded and not self._failed:
            part, rest = rest[:_PART_BYTES], rest[_PART_BYTES:]
            if self._head_bytes >= LARGEST_HEAD_BYTES:
                self._fail()
                return
            self._head_bytes += len(part)
            super().data_received(bytes(part))
        self._body_bytes += len(rest)
        if self._body_bytes > LARGEST_BODY_BYTES:
            self._fail()
        elif not self._failed and (rest or not data):
            super().data_received(bytes(rest))

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Pass on a response; drop an informational one."""
        if self._failed:
            return
        if 100 <= data[0].code < 200 and data[0].code != 101:
            self._informational += 1
            if self._informational > INFORMATIONAL_RESPONSES:
                self._fail()
            return
        self._responded = True
        super().feed_data(data, size)

    def _fail(self) -> None:
        self._failed = True
        self.set_exception(aiohttp.ClientPayloadError("too many bytes"))
        if self.transport is not None:
            self.transport.abort()
