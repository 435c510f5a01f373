"""Entry point of the listening service: `python -m echo_listening`."""

from echo_common.process import run
from echo_listening.main import service

run(service)
