"""Synthesis with Piper: its own phonemes and timing, but with the words tracked."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from piper import espeakbridge

from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_synthesis.engine import Phone, Speech, Utterance
from echo_synthesis.engines.piper import SAMPLE_RATE
from echo_synthesis.engines.piper.model import PiperModel, resampled
from echo_synthesis.engines.piper.pronunciation import Symbol, initialise_espeak, pronounce, pronounce_word
from echo_synthesis.engines.piper.voicefiles import VoiceFile
from echo_synthesis.timing.estimation import estimate, spread_phones
from echo_synthesis.timing.phoneme_alignment import NO_WORD, place_words

_MODELS_LOADED = 3
"""Number of models that a process holds; loading another releases the one that was used least recently."""


class Speaker:
    """The Piper engine: loads the model of a voice at its first use. Raises `ValueError` without voices."""

    def __init__(self, voices: Sequence[VoiceFile], threads: int) -> None:
        if not voices:
            raise ValueError("There is no voice.")
        self._voices = {file.voice.id: file for file in voices}
        self._threads = threads
        self._models: OrderedDict[Path, PiperModel] = OrderedDict()
        self._alone = lru_cache(maxsize=20_000)(pronounce_word)
        self._espeak_voice = ""
        initialise_espeak()
        self._select(voices[0])

    def speak(self, utterance: Utterance) -> Speech:
        file = self._voices.get(utterance.voice)
        if file is None:
            raise VoiceNotFoundError(f"There is no voice {utterance.voice}.")
        model = self._select(file)
        parts: list[NDArray[np.float32]] = []
        phones: list[list[Phone]] = [[] for _ in utterance.words]
        offset, timed = 0, True
        for sentence in pronounce(utterance, self._alone):
            ids, encoded = _encode(sentence, model.phoneme_ids)
            samples, durations = model.run(ids, utterance.speed, file.speaker)
            edges = np.zeros(len(ids) + 1)
            if durations is None:
                timed = False
            else:
                ends = np.minimum(np.cumsum(durations) * model.hop, len(samples))
                edges = (offset + np.concatenate([[0], ends])) / model.sample_rate
            for symbol, ids_of in encoded:
                if symbol.word != NO_WORD:
                    start, end = float(edges[ids_of.start]), float(edges[ids_of.stop])
                    phones[symbol.word].append(Phone(symbol.ipa, start, end))
            parts.append(samples)
            offset += len(samples)
        samples = np.concatenate(parts) if parts else np.zeros(model.sample_rate // 10, np.float32)
        samples = resampled(samples, model.sample_rate, SAMPLE_RATE)
        if not timed:
            words = estimate(utterance, samples, SAMPLE_RATE)
            return Speech(samples, SAMPLE_RATE, words, "estimated", phones=spread_phones(phones, words))
        end = len(samples) / SAMPLE_RATE
        bounded = tuple(tuple(_bound(phone, end) for phone in each) for each in phones)
        sounds = ((word, phone.start, phone.end) for word, each in enumerate(bounded) for phone in each)
        return Speech(samples, SAMPLE_RATE, place_words(sounds, len(utterance.words)), "model", phones=bounded)

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


def _encode(
    sentence: Sequence[Symbol], phoneme_ids: Mapping[str, Sequence[int]]
) -> tuple[list[int], list[tuple[Symbol, range]]]:
    """Return the input IDs, padded as in training, and for each symbol that the model knows the range of its IDs."""
    padding = phoneme_ids["_"]
    ids = [*phoneme_ids["^"], *padding]
    encoded: list[tuple[Symbol, range]] = []
    for symbol in sentence:
        if symbol.text in phoneme_ids:
            first = len(ids)
            ids += [*phoneme_ids[symbol.text], *padding]
            encoded.append((symbol, range(first, len(ids))))
    return [*ids, *phoneme_ids["$"]], encoded


def _bound(phone: Phone, end: float) -> Phone:
    return replace(phone, start=min(phone.start, end), end=min(phone.end, end))
