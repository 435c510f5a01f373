"""Fault injection: named places between two writes where a test may kill the process."""

import os
import signal


class FaultPoints:
    """Named crash points. An armed one kills the process by SIGKILL when it is reached for the nth time; others do nothing."""

    def __init__(self, setting: str | None = None) -> None:
        """Arm a fault point: `setting` is `name[:nth]`, the value of `ECHO_FAULT_POINT`; None or empty arms nothing."""
        self._armed, _, nth = (setting or "").partition(":")
        self._left = int(nth or 1)

    async def reach(self, name: str) -> None:
        """Kill the process if this fault point is armed and due."""
        if name != self._armed:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
