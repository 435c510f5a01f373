"""Low latency: the first phrase of a long first sentence as a segment of its own."""

from dataclasses import replace

from echo_synthesis.pipeline.narration import Narration
from echo_synthesis.pipeline.packed_script import PackedScript
from echo_synthesis.text.first_phrase import split_first_phrase


def with_first_phrase(narration: Narration) -> Narration:
    """Return a narration whose first segment is split after its first phrase, if it is long."""
    segments = list(narration.script)
    place = next((number for number, spaced in enumerate(segments) if spaced.segment.spoken), None)
    if place is None:
        return narration
    spaced, settings = segments[place], narration.settings
    split = split_first_phrase(spaced.segment, settings.language, settings.pronunciations)
    if split is None:
        return narration
    first, rest = split
    segments[place : place + 1] = [replace(spaced, segment=first, after=0.0), replace(spaced, segment=rest, before=0.0)]
    return replace(narration, script=PackedScript.pack(segments, narration.engine))
