"""Synthesis over HTTP, a module a noun. Paths equal the public ones without `/api/v1`; the gateway passes bytes through."""

from echo_synthesis.api import audio, dictionary, jobs, requests, speech, texts, verify, voices

ROUTERS = (
    speech.router,
    speech.plain,
    jobs.router,
    audio.router,
    voices.router,
    texts.router,
    dictionary.router,
    requests.router,
    verify.router,
)
