"""HTTP API of synthesis, one module for each resource.

Paths equal the public ones without `/api/v1`; the gateway proxies them.
"""

from echo_synthesis.api import (
    audio,
    dictionary,
    jobs,
    mixes,
    requests,
    segments,
    speech,
    stream_input,
    texts,
    trainings,
    verify,
    voices,
)

ROUTERS = (
    speech.router,
    speech.voices,
    speech.plain,
    stream_input.router,
    jobs.router,
    audio.router,
    voices.router,
    mixes.router,
    trainings.router,
    texts.router,
    dictionary.router,
    segments.router,
    requests.router,
    verify.router,
)
