"""Entry point of `echoctl`: `python -m echo_embedded`."""

from echo_embedded.cli import app

app()
