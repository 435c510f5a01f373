"""`python -m echo_voice`: voice as a process of its own."""

from echo_common.process import run
from echo_voice.main import service

run(service)
