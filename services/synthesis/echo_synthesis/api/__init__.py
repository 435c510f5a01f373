"""HTTP API of synthesis, one module for each resource.

Paths equal the public ones without `/api/v1`; the gateway proxies them.
"""

from echo_synthesis.api import audio, dictionary, jobs, requests, speech, texts, verify, voices

ROUTERS = (
    speech.router,
    speech.voices,
    speech.plain,
    jobs.router,
    audio.router,
    voices.router,
    texts.router,
    dictionary.router,
    requests.router,
    verify.router,
)
