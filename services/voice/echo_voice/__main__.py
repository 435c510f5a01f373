"""Entry point of the voice service: `python -m echo_voice`."""

from echo_common.process import run
from echo_voice.main import service

run(service)
