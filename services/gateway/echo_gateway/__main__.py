"""`python -m echo_gateway`: the gateway in a process of its own."""

from echo_common.process import run
from echo_gateway.main import service

if __name__ == "__main__":
    run(service())
