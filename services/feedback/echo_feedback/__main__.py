"""`python -m echo_feedback`: feedback as a process of its own."""

from echo_common.process import run
from echo_feedback.main import service

run(service)
