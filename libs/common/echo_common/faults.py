"""Crash points: named places between two writes where a test may end the process."""

import os
import signal


class FaultPoints:
    """Does nothing at any point, unless one is armed: then the process dies there by SIGKILL, the nth time it comes by."""

    def __init__(self, setting: str | None = None) -> None:
        """`setting` is `name[:nth]`, the value of `ECHO_FAULT_POINT`; None or empty arms nothing."""
        self._armed, _, nth = (setting or "").partition(":")
        self._left = int(nth or 1)

    async def reach(self, name: str) -> None:
        """Called where a crash would be interesting."""
        if name != self._armed:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
