"""Synthesis with Piper: its own phonemes and timing, as in piper-tts's `voice.py`, but with the words tracked."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from piper import espeakbridge
from piper.phonemize_espeak import ESPEAK_DATA_DIR

from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.engines.piper import MODEL, VOICE
from echo_synthesis.text.phrases import phrases
from echo_synthesis.timing.alignment import owners, place_words

_HOP = 256
_PEAK = 0.9
_NO_WORD = -1
_LANGUAGE_SWITCH = re.compile(r"\([^()]+\)")
Symbol = tuple[str, int]
"""A phoneme or punctuation mark, and the index of its word or `_NO_WORD`."""


class Speaker:
    """The Piper engine."""

    def __init__(self, home: Path, threads: int) -> None:
        config = json.loads((home / f"{MODEL}.json").read_text())
        self._ids: Mapping[str, Sequence[int]] = config["phoneme_id_map"]
        self._rate: int = config["audio"]["sample_rate"]
        self._scales = config["inference"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # a memory plan is cached per input shape; sentences differ in shape, so the cache would only grow
        options.enable_mem_pattern = False
        # a spinning thread would occupy the core of another worker
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(home / MODEL), options, providers=["CPUExecutionProvider"])
        espeakbridge.initialize(str(ESPEAK_DATA_DIR))
        espeakbridge.set_voice(config["espeak"]["voice"])
        self._alone = lru_cache(maxsize=20_000)(_pronounce)

    def speak(self, utterance: Utterance) -> Speech:
        if utterance.voice != VOICE.id:
            raise VoiceNotFoundError(f"There is no voice {utterance.voice}.")
        parts: list[NDArray[np.float32]] = []
        sounds: list[tuple[int, float, float]] = []
        offset = 0
        for sentence in self._sentences(utterance):
            ids, words = self._encode(sentence)
            samples, durations = self._run(ids, utterance.speed)
            edges = (offset + np.concatenate([[0], np.minimum(np.cumsum(durations) * _HOP, len(samples))])) / self._rate
            sounds += [(w, float(edges[i]), float(edges[i + 1])) for i, w in enumerate(words) if w != _NO_WORD]
            parts.append(samples)
            offset += len(samples)
        samples = np.concatenate(parts) if parts else np.zeros(self._rate // 10, np.float32)
        return Speech(samples, self._rate, place_words(sounds, len(utterance.words)), "model")

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

    def _encode(self, sentence: Sequence[Symbol]) -> tuple[list[int], list[int]]:
        """Return the input IDs, padded as in training, and the word of each."""
        pairs = [*((each, _NO_WORD) for key in ("^", "_") for each in self._ids[key])]
        for symbol, word in sentence:
            if symbol in self._ids:
                pairs += [(each, word) for each in [*self._ids[symbol], *self._ids["_"]]]
        pairs += [(each, _NO_WORD) for each in self._ids["$"]]
        return [each for each, _ in pairs], [word for _, word in pairs]

    def _run(self, ids: Sequence[int], speed: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scales = [self._scales["noise_scale"], self._scales["length_scale"] / speed, self._scales["noise_w"]]
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        samples, durations = (np.ravel(output) for output in self._session.run(None, inputs))
        return (samples * (_PEAK / max(float(np.abs(samples).max()), 1e-3))).astype(np.float32), durations


def _pronounce(word: str) -> str:
    return " ".join(_clean(spoken) for spoken, _, _ in espeakbridge.get_phonemes(word))


def _clean(spoken: str) -> str:
    """Remove espeak's language annotations and separate accents from their letters (NFD)."""
    return unicodedata.normalize("NFD", _LANGUAGE_SWITCH.sub("", spoken))
