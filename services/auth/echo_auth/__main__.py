"""Entry point of the auth service: `python -m echo_auth`."""

from echo_auth.main import service
from echo_common.process import run

run(service)
