"""Imports of processes that start often: what they do not need would take most of their start."""

import subprocess
import sys

import pytest

COMMAND = """
from echo_embedded.cli import app
from echo_embedded.command_line import error_messages
with error_messages():
    pass
"""
IN_SERVICES = {"structlog", "rich", "pydantic"}


@pytest.mark.parametrize(
    ("program", "unneeded"),
    [
        pytest.param(COMMAND, {"fastapi", "uvicorn", "numpy"}, id="echoctl"),
        pytest.param("import echo_synthesis.engines.__main__", IN_SERVICES, id="engine"),
        pytest.param("import echo_synthesis.provenance.signing", IN_SERVICES, id="signing"),
        pytest.param("import echo_voice.analysis.measure", IN_SERVICES, id="measurement"),
    ],
)
def test_a_process_imports_only_what_its_start_needs(program: str, unneeded: set[str]) -> None:
    program += "\nprint(*{name.partition('.')[0] for name in __import__('sys').modules})"

    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.split()

    assert unneeded.isdisjoint(imported)
