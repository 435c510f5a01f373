"""Parameters of endpoints."""

from typing import Annotated

from fastapi import Path, Query

from echo_synthesis.audio.formats import FORMATS

AUDIO_TYPES = tuple(mime for row in FORMATS.values() for mime in (row.mime, row.mime_at_rates) if mime)
"""Media types of audio."""

JobId = Annotated[str, Path(description="A job's id.", examples=["job_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
AudioId = Annotated[str, Path(description="An audio's id.", examples=["aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
TextId = Annotated[str, Path(description="A text's id.", examples=["txt_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
EntryId = Annotated[str, Path(description="An entry's id.", examples=["dict_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
VoiceId = Annotated[str, Path(description="A voice's id.", examples=["af_heart"])]
SynthesisId = Annotated[
    str, Path(description="Id of a synthesis, of its job or of its audio.", examples=["syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])
]
RevisionNumber = Annotated[
    int | None, Query(ge=1, le=1_000_000_000, description="Number of the revision; the current one when absent.")
]
