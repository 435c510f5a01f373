"""`python -m echo_auth`."""

from echo_common.process import run

from echo_auth.main import service

run(service())
