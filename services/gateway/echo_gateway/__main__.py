"""`python -m echo_gateway`: gateway as a process of its own."""

from echo_common.process import run
from echo_gateway.main import service

run(service)
