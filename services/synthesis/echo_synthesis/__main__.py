"""`python -m echo_synthesis`: the service as a process of its own."""

from echo_common.process import run
from echo_synthesis.main import service

if __name__ == "__main__":
    run(service())
