"""`python -m echo_synthesis`: the synthesis service as a separate process."""

from echo_common.process import run
from echo_synthesis.main import service

run(service)
