import subprocess
import sys

import pytest

CALLER = """
import asyncio, sys
from echo_common.faults import FaultPoints

async def main():
    points = FaultPoints(sys.argv[1] or None)
    for turn in range(3):
        await points.reach("other")
        await points.reach("here")
        print(turn)

asyncio.run(main())
"""


@pytest.mark.parametrize(("setting", "turns"), [("here", 0), ("here:2", 1), ("here:9", 3), ("", 3), ("nowhere", 3)])
def test_a_process_dies_at_the_configured_fault_point(setting, turns):
    ended = subprocess.run([sys.executable, "-uc", CALLER, setting], capture_output=True, check=False)
    assert len(ended.stdout.splitlines()) == turns
    assert ended.returncode == (0 if turns == 3 else -9)
