"""Synthesis with Kokoro."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import VoiceStyle, read_builtin_style, read_style
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.voice_reference import VoiceReference
from echo_synthesis.engine import EngineConfig, Phone, Speech, Utterance
from echo_synthesis.engines.kokoro import ESPEAK_LANGUAGES, LANGUAGES, SAMPLE_RATE, folder
from echo_synthesis.engines.kokoro.alphabet import TOKENS
from echo_synthesis.engines.kokoro.backend import open_runtime
from echo_synthesis.engines.kokoro.correctness import START
from echo_synthesis.engines.kokoro.digests import DIGESTS
from echo_synthesis.engines.kokoro.native_timbre import add_native_timbre
from echo_synthesis.engines.kokoro.pronunciation import Phoneme, pronounce
from echo_synthesis.engines.kokoro.runtimes import SAMPLES_A_FRAME, Adaptation, OpenVino, Runtime
from echo_synthesis.engines.kokoro.variation import vary
from echo_synthesis.text.espeak import Espeak
from echo_synthesis.timing.phoneme_alignment import NO_WORD, place_words

_MOST_TOKENS = 510
_STYLES_HELD = 256
_PREPARED_SPEEDS = (1.25, 0.96, 0.87, 1.42, 0.79, 0.75, 0.7, 0.66)
"""Speeds at which the sentence of the start has 72, 88, 96, 64, 104, 112, 120 and 128 frames, the usual lengths first."""
_PAUSES = frozenset(";:,.!?—…")


class Speaker:
    """The Kokoro engine."""

    def __init__(self, runtime: Runtime, voices: Path) -> None:
        self._runtime = runtime
        self._voices = voices
        self._espeak = Espeak()
        self._style = lru_cache(maxsize=_STYLES_HELD)(self._read_style)
        self._style_in = lru_cache(maxsize=_STYLES_HELD)(self._adapt_style)

    def speak(self, utterance: Utterance) -> Speech:
        variation = vary(utterance.take)
        language = _espeak_language(utterance, self._style(utterance.voice).accent)
        voice = self._style_in(utterance.voice, language)
        phonemes = pronounce(utterance.text, utterance.words, language, self._espeak, utterance.pronunciations)
        adaptation, speed = Adaptation.of(voice), utterance.speed * variation.speed * voice.rate
        parts: list[NDArray[np.float32]] = []
        sounds: list[tuple[int, float, float]] = []
        phones: list[list[Phone]] = [[] for _ in utterance.words]
        offset = 0
        for chunk in _chunks(phonemes, split=variation.split):
            tokens = np.array([[0, *(TOKENS[phoneme.symbol] for phoneme in chunk), 0]], np.int64)
            row = min(max(0, len(chunk) - 1 + variation.style_offset), _MOST_TOKENS - 1)
            samples, durations = self._runtime.run(tokens, voice.table[row : row + 1], speed, adaptation)
            # the first duration belongs to the silence before the first token
            edges = (offset + np.minimum(np.cumsum(durations) * SAMPLES_A_FRAME, len(samples))) / SAMPLE_RATE
            for phoneme, start, end in zip(chunk, edges.tolist(), edges[1:].tolist(), strict=False):
                if phoneme.word != NO_WORD:
                    sounds.append((phoneme.word, start, end))
                    phones[phoneme.word].append(Phone(phoneme.symbol, start, end))
            parts.append(samples)
            offset += len(samples)
        samples = np.concatenate(parts) if parts else np.zeros(SAMPLE_RATE // 10, np.float32)
        words = place_words(sounds, len(utterance.words))
        return Speech(samples, SAMPLE_RATE, words, "model", phones=tuple(map(tuple, phones)))

    def prepare(self) -> Iterator[None]:
        """Speak a sentence at several speeds: OpenVINO needs 0.2 s more for the first speech of each length.

        With the sentence of the start, these are all lengths from 1.4 to 3.2 s, as first phrases have them.
        """
        if not isinstance(self._runtime, OpenVino):
            return
        tokens, style = START.tokens(), START.style(self._voices.parent)
        for speed in _PREPARED_SPEEDS:
            self._runtime.run(tokens, style, speed)
            yield

    def release_memory(self) -> None:
        self._runtime.release_memory()

    def _read_style(self, voice: str) -> VoiceStyle:
        reference = VoiceReference.parse(voice)
        if reference.kind == "file":  # a voice model, written to a file by the service
            return read_style(Path(reference.value))
        if voice not in DIGESTS or voice[0] not in LANGUAGES:
            raise VoiceNotFoundError(f"There is no voice {voice}.")
        return read_builtin_style(self._voices / f"{voice}.bin")

    def _adapt_style(self, voice: str, language: str) -> VoiceStyle:
        """Return the style of a voice in a language of espeak."""
        clone = VoiceReference.parse(voice).kind == "file"
        return add_native_timbre(self._style(voice), language, self._voices) if clone else self._style(voice)


def load(config: EngineConfig) -> Speaker:
    """Open the model with the fastest backend that speaks correctly on this machine."""
    home = folder(config.models)
    return Speaker(open_runtime(home, config.threads, config.warn), home / "voices")


def _espeak_language(utterance: Utterance, accent: str) -> str:
    """Return the voice's own accent, unless the text is in another supported language."""
    clone = VoiceReference.parse(utterance.voice).kind == "file"
    own = accent if clone else LANGUAGES[utterance.voice[0]]
    if clone and utterance.language in ESPEAK_LANGUAGES:
        return ESPEAK_LANGUAGES[utterance.language]
    wanted = utterance.language.partition("-")[0]
    if wanted == own.partition("-")[0]:
        return ESPEAK_LANGUAGES[own]
    return next((espeak for tag, espeak in ESPEAK_LANGUAGES.items() if tag.partition("-")[0] == wanted), ESPEAK_LANGUAGES[own])


def _chunks(phonemes: Sequence[Phoneme], *, split: bool = False) -> Iterator[Sequence[Phoneme]]:
    """Split phonemes into runs that fit the model, after punctuation in the second half of a run, else after a word.

    With `split` the phonemes are divided after the punctuation nearest to their middle, too.
    """
    middle = len(phonemes) / 2
    pauses = [index + 1 for index, phoneme in enumerate(phonemes[:-1]) if phoneme.symbol in _PAUSES]
    if split and pauses:
        cut = min(pauses, key=lambda index: abs(index - middle))
        yield from _chunks(phonemes[:cut])
        yield from _chunks(phonemes[cut:])
        return
    while len(phonemes) > _MOST_TOKENS:
        cut = _last(phonemes, _PAUSES) or _last(phonemes, frozenset(" ")) or _MOST_TOKENS
        yield phonemes[:cut]
        phonemes = phonemes[cut:]
    if phonemes:
        yield phonemes


def _last(phonemes: Sequence[Phoneme], symbols: frozenset[str]) -> int:
    """Return the index after the last of `symbols` in the second half of a full run; 0 if there is none."""
    places = range(_MOST_TOKENS, _MOST_TOKENS // 2, -1)
    return next((place for place in places if phonemes[place - 1].symbol in symbols), 0)
