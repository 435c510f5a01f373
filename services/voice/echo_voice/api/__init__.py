"""HTTP API of the voice service, one module per resource.

Paths equal the public ones without `/api/v1`, or without `/api` for the Echo API.
"""

from echo_voice.api import clones, consents, echo_documents, echos, messages, mixes, references, samples, sharing, talk, tasks

ROUTERS = (
    samples.router,
    consents.router,
    clones.router,
    sharing.router,
    mixes.router,
    echos.router,
    references.router,
    echo_documents.router,
    tasks.router,
    messages.router,
    talk.router,
)
