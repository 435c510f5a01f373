"""TCP connections of the client; what a receiver sends before its response is bounded."""

from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

LARGEST_HEAD_BYTES: Final = 65_536
"""Bytes up to the end of the headers of the response, informational responses included."""
INFORMATIONAL_RESPONSES: Final = 8

_PART_BYTES: Final = 4096


class BoundedConnector(aiohttp.TCPConnector):
    """A connector whose connections end with an error if a receiver sends more than the bounds before its response.

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
        if not self._failed and (rest or not data):
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
        self.set_exception(aiohttp.ClientPayloadError("too much before the response"))
        if self.transport is not None:
            self.transport.abort()
