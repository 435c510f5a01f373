"""`python -m echo_embedded` is `echoctl`."""

from echo_embedded.cli import app

app()
