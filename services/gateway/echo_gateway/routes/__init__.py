"""The public API, a module for each noun."""

from echo_gateway.routes import (
    accounts,
    admin,
    audio,
    clones,
    dictionary,
    echo_api,
    jobs,
    provenance,
    requests,
    samples,
    sharing,
    speech,
    start,
    texts,
    voices,
)

ROUTERS = (
    speech.speech,
    dictionary.dictionary,
    requests.requests,
    texts.texts,
    jobs.jobs,
    audio.audio,
    voices.voices,
    sharing.sharing,
    samples.samples,
    clones.clones,
    provenance.provenance,
    echo_api.echo_api,
    echo_api.echo_speech,
    echo_api.echo_users,
    accounts.accounts,
    accounts.users,
    accounts.keys,
    admin.admin,
    start.start,
)
UPLOADS = ("/api/v1/voice/samples", "/api/v1/voice/verify", "/api/upload-reference")
"""Paths that take recordings: their bodies may be large."""
