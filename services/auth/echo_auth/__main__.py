"""`python -m echo_auth`: auth as a process of its own."""

from echo_auth.main import service
from echo_common.process import run

run(service)
