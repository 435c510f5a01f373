"""Prosody of speech as a few statistics that recordings and predicted curves share: pitch, range, rate, pauses, loudness."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.pitch import HOP_SECONDS, pitch_contour
from echo_voice.domain.rhythm import Rhythm

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
_RATE = 16_000
_HOP = round(HOP_SECONDS * _RATE)
_WINDOW = 512
_PAUSE_BELOW = 20.0
"""Level of a pause below the peaks in dB; readers in ordinary rooms have noise at -25 dB."""
_SHORTEST_PAUSE = 0.25
_LONGEST_PAUSE = 3.0
"""Longer silences are interruptions."""
_QUIET_EDGE = 0.1
"""Seconds of speech around the parts that a detector finds, which misses quiet beginnings and ends of words."""
_NUCLEUS_BAND = (300, 3000)
_NUCLEUS_DIP = 2.0
_NUCLEI_FOUND = 0.97
"""Detected proportion of syllables, measured on three readers; it is 0.91 to 1.02."""
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(r"(?<=[^laeiouy])e$|(?<=[^aeiouytd])ed$|(?<=[^aeiouyscxzghl])es$|'")
_DIGIT = re.compile(r"\d")
_SEMITONES = 12 / np.log(2)


@dataclass(frozen=True, slots=True)
class Contour:
    """Pitch in Hz (0 where unvoiced) and level in dB of an utterance, one value per `HOP_SECONDS`, and its syllables.

    `rhythm` is set where the level does not show the rhythm, because the pauses of the recording were shortened.
    """

    pitch: Doubles
    level: Doubles
    syllables: float
    rhythm: Rhythm | None = None


@dataclass(frozen=True, slots=True)
class Prosody:
    """Statistics of speech.

    `low`, `pitch`, `high`: 10th, 50th and 90th percentile of the pitch in Hz. `rate`: syllables per second without pauses.
    `pause`: mean length of pauses in seconds, NaN without pauses. `loudness`: standard deviation of the level of voiced
    speech in dB.
    """

    low: float
    pitch: float
    high: float
    rate: float
    pause: float
    loudness: float

    @property
    def spread(self) -> float:
        """Range of the pitch in semitones."""
        return float(_SEMITONES * np.log(self.high / self.low))


def measure(
    recordings: Sequence[Floats], transcripts: Sequence[str | None] = (), rhythms: Sequence[Rhythm | None] = ()
) -> Prosody | None:
    """Measure the prosody of recordings at 16 kHz; None without voiced speech.

    English transcripts make the rate more exact. `rhythms` are those of the recordings before their pauses were shortened, where
    they are known.
    """
    return describe([_contour(*known) for known in zip_longest(recordings, transcripts, rhythms)])


def measure_rhythm(samples: Floats, speaks: NDArray[np.bool_]) -> Rhythm | None:
    """Measure the rhythm of a recording at 16 kHz; None without speech.

    `speaks`: results of a voice activity detector, at equal intervals. They tell the noises in pauses from speech.
    """
    level = _level(samples)
    heard = speaks[np.arange(len(level)) * len(speaks) // len(level)].astype(np.float64)
    edge = round(_QUIET_EDGE / HOP_SECONDS)
    spoken, pauses = _speech(level, np.convolve(heard, np.ones(2 * edge + 1), "same") > 0)
    return _rhythm(spoken, pauses) if spoken.any() else None


def describe(contours: Sequence[Contour]) -> Prosody | None:
    """Compute the statistics of utterances of one speaker; None without voiced speech."""
    pitch = np.concatenate([contour.pitch[contour.pitch > 0] for contour in contours]) if contours else np.zeros(0)
    if not pitch.size:
        return None
    low, middle, high = np.percentile(pitch, [10, 50, 90])
    levels, rhythms = [], []
    for contour in contours:
        spoken, silences = _speech(contour.level)
        rhythms.append(contour.rhythm or _rhythm(spoken, silences))
        voiced = contour.level[spoken & (contour.pitch > 0)]
        levels.append(voiced - voiced.mean() if voiced.size else voiced)
    loudness = np.concatenate(levels)
    speech = sum(rhythm.speech_seconds for rhythm in rhythms)
    pauses = sum(rhythm.pauses for rhythm in rhythms)
    return Prosody(
        float(low),
        float(middle),
        float(high),
        # voiced speech has a syllable, although none may be found
        rate=float(max(1.0, sum(contour.syllables for contour in contours)) / max(speech, HOP_SECONDS)),
        pause=sum(rhythm.pause_seconds for rhythm in rhythms) / pauses if pauses else np.nan,
        loudness=float(loudness.std()) if loudness.size else 0.0,
    )


def count_syllables(text: str) -> int:
    """Estimate the syllables of an English text from its spelling."""
    return sum(map(_syllables, re.findall(r"[a-z']+", text.lower())))


def _syllables(word: str) -> int:
    return max(1, len(_VOWELS.findall(_SILENT.sub("", word))))


def _contour(samples: Floats, transcript: str | None, rhythm: Rhythm | None) -> Contour:
    level = _level(samples)
    pitch = pitch_contour(samples)
    # the frames of both are centred on multiples of the hop, those of the pitch begin later
    ahead = (len(level) - len(pitch)) // 2
    pitch = np.pad(pitch, (ahead, len(level) - len(pitch) - ahead))
    # the spelling of digits does not show their syllables
    spelled = count_syllables(transcript) if transcript and not _DIGIT.search(transcript) else 0
    syllables = spelled or _nuclei(samples, pitch, level) / _NUCLEI_FOUND
    if rhythm is not None and not spelled:  # the nuclei are those of this recording, without what was cut off
        spoken, _ = _speech(level)
        rhythm = replace(rhythm, speech_seconds=float(spoken.sum()) * HOP_SECONDS)
    return Contour(pitch, level, float(syllables), rhythm)


def _rhythm(spoken: NDArray[np.bool_], pauses: Sequence[float]) -> Rhythm:
    return Rhythm(speech_seconds=float(spoken.sum()) * HOP_SECONDS, pauses=len(pauses), pause_seconds=sum(pauses))


def _speech(level: Doubles, heard: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.bool_], list[float]]:
    """Return a mask of the frames between the first and the last sound without pauses, and the lengths of the pauses.

    Only frames that are `heard` may be speech.
    """
    sounds = level > np.percentile(level, 99) - _PAUSE_BELOW
    loud = np.flatnonzero(sounds if heard is None else sounds & heard)
    if not loud.size:
        return np.zeros(len(level), bool), []
    spoken = np.zeros(len(level), bool)
    spoken[loud[0] : loud[-1] + 1] = True
    pauses = []
    for before, after in pairwise(loud):
        seconds = (after - before - 1) * HOP_SECONDS
        if seconds >= _SHORTEST_PAUSE:
            spoken[before + 1 : after] = False
            pauses += [float(seconds)] if seconds <= _LONGEST_PAUSE else []
    return spoken, pauses


def _nuclei(samples: Floats, pitch: Doubles, level: Doubles) -> int:
    """Count syllable nuclei: voiced peaks of the level, separated by dips (de Jong and Wempe 2009)."""
    band = _smooth(_band_level(samples, *_NUCLEUS_BAND), 7)
    voiced = np.convolve(pitch > 0, np.ones(5), "same") > 0
    spoken, _ = _speech(level)
    inner = (band[1:-1] > band[:-2]) & (band[1:-1] >= band[2:]) & (voiced & spoken)[1:-1]
    peaks: list[int] = []
    for peak in np.flatnonzero(inner) + 1:
        if not peaks or min(band[peaks[-1]], band[peak]) - band[peaks[-1] : peak].min() >= _NUCLEUS_DIP:
            peaks.append(int(peak))
        elif band[peak] > band[peaks[-1]]:
            peaks[-1] = int(peak)
    return len(peaks)


def _level(samples: Floats) -> Doubles:
    return _smooth(_band_level(samples, 0, _RATE // 2), 5)


def _band_level(samples: Floats, low: int, high: int) -> Doubles:
    padded = np.pad(samples, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW))) ** 2
    bins = np.fft.rfftfreq(_WINDOW, 1 / _RATE)
    return np.asarray(10 * np.log10(power[:, (bins >= low) & (bins <= high)].sum(axis=1) + 1e-9))


def _smooth(values: Doubles, width: int) -> Doubles:
    weights = np.hanning(width + 2)[1:-1]
    return np.convolve(np.pad(values, width // 2, mode="edge"), weights / weights.sum(), "valid")
