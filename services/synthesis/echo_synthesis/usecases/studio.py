"""Dependencies of the use cases."""

from dataclasses import dataclass
from typing import NoReturn

from echo_common.errors import ValidationError
from echo_common.storage.port import ObjectStore
from echo_synthesis.access.links import Links
from echo_synthesis.access.tickets import Tickets
from echo_synthesis.cache.speechcache import SpeechCache
from echo_synthesis.catalogue.clones import Clones
from echo_synthesis.catalogue.voices import Voices
from echo_synthesis.pipeline.recording import Recorder
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.provenance.notary import Notary
from echo_synthesis.repository import AudioShelf, Dictionary, Jobs, Texts
from echo_synthesis.settings import SynthesisSettings


@dataclass(frozen=True)
class Studio:
    """Dependencies of the use cases."""

    settings: SynthesisSettings
    voices: Voices
    clones: Clones
    recorder: Recorder
    jobs: Jobs
    audio: AudioShelf
    texts: Texts
    dictionary: Dictionary
    objects: ObjectStore
    cache: SpeechCache
    tickets: Tickets
    links: Links
    notary: Notary
    scripts: ScriptWriter


def refuse(field: str, message: str) -> NoReturn:
    """Reject one field of a request. Raises `ValidationError`."""
    raise ValidationError(message, details=[{"field": field, "message": message}])
