"""Synthesis over HTTP, a module a noun. Paths equal the public ones without `/api/v1`; the gateway passes bytes through."""

from echo_synthesis.api import audio, jobs, speech, voices

ROUTERS = (speech.router, jobs.router, audio.router, voices.router)
