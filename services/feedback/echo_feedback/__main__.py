"""Entry point of the feedback service: `python -m echo_feedback`."""

from echo_common.process import run
from echo_feedback.main import service

run(service)
