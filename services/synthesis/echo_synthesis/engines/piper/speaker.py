"""Synthesis with Piper: its own phonemes and timing, as in piper-tts's `voice.py`, but with the words tracked."""

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from piper import espeakbridge
from piper.phonemize_espeak import ESPEAK_DATA_DIR

from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.engines.piper import SAMPLE_RATE
from echo_synthesis.engines.piper.model import PiperModel, resampled
from echo_synthesis.engines.piper.voicefiles import VoiceFile
from echo_synthesis.text.phrases import phrases
from echo_synthesis.timing.estimation import estimate
from echo_synthesis.timing.phoneme_alignment import owners, place_words

_NO_WORD = -1
_MODELS_LOADED = 3
"""Number of models that a process holds; loading another releases the one that was used least recently."""

_LANGUAGE_SWITCH = re.compile(r"\([^()]+\)")
Symbol = tuple[str, int]
"""A phoneme or punctuation mark, and the index of its word or `_NO_WORD`."""


class Speaker:
    """The Piper engine: loads the model of a voice at its first use. Raises `ValueError` without voices."""

    def __init__(self, voices: Sequence[VoiceFile], threads: int) -> None:
        if not voices:
            raise ValueError("There is no voice.")
        self._voices = {file.voice.id: file for file in voices}
        self._threads = threads
        self._models: OrderedDict[Path, PiperModel] = OrderedDict()
        self._alone = lru_cache(maxsize=20_000)(_pronounce)
        self._espeak_voice = ""
        _initialise_espeak()
        self._select(voices[0])

    def speak(self, utterance: Utterance) -> Speech:
        file = self._voices.get(utterance.voice)
        if file is None:
            raise VoiceNotFoundError(f"There is no voice {utterance.voice}.")
        model = self._select(file)
        parts: list[NDArray[np.float32]] = []
        sounds: list[tuple[int, float, float]] = []
        offset, timed = 0, True
        for sentence in self._sentences(utterance):
            ids, words = _encode(sentence, model.phoneme_ids)
            samples, durations = model.run(ids, utterance.speed, file.speaker)
            if durations is None:
                timed = False
            else:
                ends = np.minimum(np.cumsum(durations) * model.hop, len(samples))
                edges = (offset + np.concatenate([[0], ends])) / model.sample_rate
                sounds += [(w, float(edges[i]), float(edges[i + 1])) for i, w in enumerate(words) if w != _NO_WORD]
            parts.append(samples)
            offset += len(samples)
        samples = np.concatenate(parts) if parts else np.zeros(model.sample_rate // 10, np.float32)
        samples = resampled(samples, model.sample_rate, SAMPLE_RATE)
        if not timed:
            return Speech(samples, SAMPLE_RATE, estimate(utterance, samples, SAMPLE_RATE), "estimated")
        end = len(samples) / SAMPLE_RATE
        sounds = [(word, min(start, end), min(stop, end)) for word, start, stop in sounds]
        return Speech(samples, SAMPLE_RATE, place_words(sounds, len(utterance.words)), "model")

    def _select(self, file: VoiceFile) -> PiperModel:
        """Return the model of a voice, and set its language for the pronunciation."""
        model = self._models.pop(file.model, None)
        if model is None:
            while len(self._models) >= _MODELS_LOADED:
                self._models.popitem(last=False)
            model = PiperModel(file.model, self._threads)
        self._models[file.model] = model
        if model.espeak_voice != self._espeak_voice:
            self._espeak_voice = ""  # unknown if espeak refuses the voice
            espeakbridge.set_voice(model.espeak_voice)
            self._espeak_voice = model.espeak_voice
            self._alone.cache_clear()
        return model

    def _sentences(self, utterance: Utterance) -> Iterator[list[Symbol]]:
        sentence: list[Symbol] = []
        for symbols, ends in self._clauses(utterance):
            sentence += symbols
            if ends:
                yield sentence
                sentence = []
        if sentence:
            yield sentence

    def _clauses(self, utterance: Utterance) -> Iterator[tuple[list[Symbol], bool]]:
        """Yield the clauses that espeak finds, each with a flag for the end of a sentence."""
        text = utterance.text
        runs = list(phrases(text, utterance.words, self._alone))
        starts = [0, *(run[0].span.start for run in runs[1:]), len(text)]
        for run, start, end in zip(runs, starts, starts[1:], strict=False):
            clauses = [(_clean(spoken), mark, ends) for spoken, mark, ends in espeakbridge.get_phonemes(text[start:end])]
            belongs = owners(" ".join(spoken for spoken, _, _ in clauses), [piece.sounds for piece in run])
            position = 0
            for spoken, mark, ends in clauses:
                heard = zip(spoken, belongs[position : position + len(spoken)], strict=True)
                symbols = [(symbol, _NO_WORD if symbol == " " else run[owner].word) for symbol, owner in heard]
                pause = mark + (" " if mark in {",", ":", ";"} else "")
                yield [*symbols, *((symbol, _NO_WORD) for symbol in pause)], ends
                position += len(spoken) + 1


def _encode(sentence: Sequence[Symbol], phoneme_ids: Mapping[str, Sequence[int]]) -> tuple[list[int], list[int]]:
    """Return the input IDs, padded as in training, and the word of each."""
    pairs = [*((each, _NO_WORD) for key in ("^", "_") for each in phoneme_ids[key])]
    for symbol, word in sentence:
        if symbol in phoneme_ids:
            pairs += [(each, word) for each in [*phoneme_ids[symbol], *phoneme_ids["_"]]]
    pairs += [(each, _NO_WORD) for each in phoneme_ids["$"]]
    return [each for each, _ in pairs], [word for _, word in pairs]


@cache
def _initialise_espeak() -> None:
    """Initialise espeak, which is not made for a second initialisation in a process."""
    espeakbridge.initialize(str(ESPEAK_DATA_DIR))


def _pronounce(word: str) -> str:
    return " ".join(_clean(spoken) for spoken, _, _ in espeakbridge.get_phonemes(word))


def _clean(spoken: str) -> str:
    """Remove espeak's language annotations and separate accents from their letters (NFD)."""
    return unicodedata.normalize("NFD", _LANGUAGE_SWITCH.sub("", spoken))
