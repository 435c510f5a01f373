"""The engine port: an engine turns text into audio.

An engine is a folder in `engines/`. Its `__init__.py` exposes one `SPEC: EngineSpec`, or, where settings decide about it,
`spec() -> EngineSpec`; being there registers it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Alignment = Literal["model", "aligned", "estimated"]
"""How word times came about: from the model's own durations, from a recogniser, or by proportion."""

Gender = Literal["female", "male", "neutral"]


@dataclass(frozen=True, slots=True)
class EngineVoice:
    """A voice built into an engine.

    `language` is a BCP-47 tag such as `en-US`; a `multilingual` voice speaks whatever language the text is in.
    """

    id: str
    name: str
    language: str
    gender: Gender
    tags: tuple[str, ...] = ()
    multilingual: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open character range `[start, end)` in an utterance's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """One unit of speech, at most `EngineSpec.max_characters` long.

    `text` is as it is to be spoken; `words` are the spans of its words, in order, not overlapping.
    `speed` is relative to the voice's natural pace (2.0 is twice as fast).
    `pronunciations` are empty, or for each word its IPA or None; only for engines with `EngineSpec.phonemes`.
    """

    text: str
    words: tuple[Span, ...]
    voice: str
    language: str
    speed: float = 1.0
    pronunciations: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class WordTime:
    """When a word sounds: seconds from the start of its utterance, `0 <= start <= end <= duration`."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Phone:
    """When a sound of a word sounds, in seconds as for words. `symbol` is IPA, stress and length marks included or apart."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Speech:
    """An utterance, spoken.

    `samples` are mono float32; peaks beyond full scale are limited before they are encoded. `words` has exactly one entry for each of `Utterance.words`, starts never decreasing.
    `phones`, where the engine knows them, are for each word the sounds it is made of.
    `cost` is the provider's count of paid units, by name (`input_tokens`, `utf8_bytes`); empty for engines without a price.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    words: tuple[WordTime, ...]
    alignment: Alignment
    cost: Mapping[str, int] = field(default_factory=dict)
    phones: tuple[tuple[Phone, ...], ...] = ()

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate


class Engine(Protocol):
    """A loaded engine. Lives in a child process; `speak` is called by `EngineSpec.concurrency` threads at once."""

    def speak(self, utterance: Utterance) -> Speech:
        """Speak the whole utterance, nothing left out, no silence added but the model's own.

        Raises `VoiceNotFoundError` for a voice the engine does not have, `EngineUnavailableError` when its
        provider cannot serve it now. Any other exception is the engine's failure: the pool reports it as `ENGINE_FAILED` and goes on with
        the same process. What is returned is checked in the service (`speechcheck.py`).
        """


def _no_warning(event: str, fields: Mapping[str, str]) -> None:
    """Ignore a warning: the default of `EngineConfig.warn`."""


@runtime_checkable
class IdleEngine(Protocol):
    """An engine that holds memory which only an utterance needs."""

    def release_memory(self) -> None:
        """Give that memory back. Called between utterances, after the load and when none has come for a while."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What an engine needs to load: where model files lie, how many threads it may use.

    `recogniser` is the folder of the model that finds word times for engines that give none. `warn` is told what an operator
    should know of a load that succeeded all the same: an event's name, and its fields.
    """

    models: Path
    threads: int = 1
    recogniser: Path | None = None
    warn: Callable[[str, Mapping[str, str]], None] = _no_warning


@dataclass(frozen=True, slots=True)
class BackendFigures:
    """A measured backend of an engine: a library and a precision that can run its model.

    `problem` says why it must not be used; `seconds` is what a sentence takes; `figures` are its largest deviations from the
    reference, by name.
    """

    backend: str
    selected: bool
    problem: str | None = None
    seconds: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


Progress = Callable[[str, float], None]
"""Called with the current step, in a few words, and the share that is done, from 0 to 1."""


class ModelsError(Exception):
    """Models could not be fetched. The message says which and why, in a sentence for the operator."""


def no_backends(models: Path) -> Sequence[BackendFigures]:
    """`EngineSpec.backends` of an engine that has no choice."""
    return ()


def nothing_to_fetch(models: Path, hub: str, progress: Progress) -> None:
    """`EngineSpec.fetch` of an engine without files."""


def nothing_damaged(models: Path) -> Sequence[str]:
    """`EngineSpec.damaged` of an engine without files whose content is known."""
    return ()


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What is known of an engine without loading it.

    `version` changes whenever the same utterance would sound different (it is part of the speech cache's key).
    `missing` names what must be installed or fetched before `load` can succeed, empty when ready; `remedy` tells how. It is
    asked often, so it is quick. `fetch(models, hub, progress)` makes it empty as far as files go: whole files only, verified,
    those already there kept; `hub` is the base URL of a model hub for what no package registry has. Raises `ModelsError`.
    `tags` tell what matters to others: `cloud` (what is spoken leaves the machine), `clones` (its voices are made of recordings of people).
    `damaged(models)` reads all files whose digest is known and names those that differ.
    With `phonemes` it says words as `Utterance.pronunciations` ask. `backends(models)` lists those that were measured here.
    A `remote` engine waits for a network rather than a processor: one process serves `concurrency` utterances at once, and
    may take `patience` seconds longer than others over each.
    """

    name: str
    version: str
    description: str
    max_characters: int
    sample_rate: int
    voices: Callable[[EngineConfig], Sequence[EngineVoice]]
    missing: Callable[[EngineConfig], Sequence[str]]
    load: Callable[[EngineConfig], Engine]
    tags: tuple[str, ...] = field(default=())
    remedy: str = "`echoctl models` fetches it"
    remote: bool = False
    concurrency: int = 1
    patience: float = 0.0
    phonemes: bool = False
    fetch: Callable[[Path, str, Progress], None] = nothing_to_fetch
    damaged: Callable[[Path], Sequence[str]] = nothing_damaged
    backends: Callable[[Path], Sequence[BackendFigures]] = no_backends
