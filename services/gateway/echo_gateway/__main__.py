"""Entry point of the gateway: `python -m echo_gateway`."""

from echo_common.process import run
from echo_gateway.main import service

run(service)
