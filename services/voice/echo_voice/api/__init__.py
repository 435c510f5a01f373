"""Voice over HTTP, a module a noun. Paths equal the public ones without `/api/v1`, or `/api` for the Echo API."""

from echo_voice.api import clones, consents, references, samples, sharing

ROUTERS = (samples.router, consents.router, clones.router, sharing.router, references.router)

UPLOADS = ("/voice/samples", "/upload-reference")
"""Paths that take recordings: their bodies may be large."""
