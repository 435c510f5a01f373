"""`python -m echo_synthesis`: synthesis as a process of its own."""

from echo_common.process import run
from echo_synthesis.main import service

run(service)
