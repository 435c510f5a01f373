"""The public API, a module for each noun."""

from echo_gateway.routes import accounts, audio, jobs, speech, start, voices

ROUTERS = (speech.speech, jobs.jobs, audio.audio, voices.voices, accounts.accounts, accounts.users, accounts.keys, start.start)
