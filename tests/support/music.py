"""Synthetic music with a known tempo, key and mode, at 24 kHz."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]

RATE = 24_000
MAJOR_SCALE, MINOR_SCALE = (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 11, 12)
_MAJOR_CHORDS = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7))
_MINOR_CHORDS = ((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7))
_C3, _C4 = 48, 60


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, level: float = 0.1, seed: int = 1) -> Sound:
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE)).astype(np.float32)


def clicks(bpm: float, seconds: float, *, offset: float = 0.1) -> Sound:
    """Return a metronome."""
    sound = silence(seconds)
    for beat in np.arange(offset, seconds, 60 / bpm):
        _add(sound, beat, 0.8 * _decay(0.03, 200) * _sine(1_500, 0.03))
    return sound


def note(pitch: float, seconds: float, *, harmonics: int = 6, decay: float = 2.0) -> Sound:
    """Return a plucked note; `pitch` is a MIDI number."""
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    waves = [_sine(hertz * number, seconds) / number for number in range(1, harmonics + 1) if hertz * number < RATE / 2.2]
    return np.asarray(0.3 * np.sum(waves, axis=0) * _decay(seconds, decay), np.float32)


def scale(key: int, mode: int, *, note_seconds: float = 0.4) -> Sound:
    """Return a scale, in minor the harmonic one, up and down, with long first and last notes."""
    steps = MAJOR_SCALE if mode else MINOR_SCALE
    pitches = [_C4 + key + step for step in (*steps, *reversed(steps[:-1]))]
    lengths = [2 * note_seconds, *[note_seconds] * (len(pitches) - 2), 2 * note_seconds]
    return np.concatenate([note(pitch, length) for pitch, length in zip(pitches, lengths, strict=True)])


def cadence(key: int, mode: int, *, chord_seconds: float = 1.0, repeated: int = 2, harmonics: int = 6) -> Sound:
    """Return the chords I, IV, V, I."""
    chords = _MAJOR_CHORDS if mode else _MINOR_CHORDS
    played = [_chord([_C4 + key + step for step in chord], chord_seconds, harmonics) for chord in chords]
    return np.concatenate(played * repeated)


def song(
    bpm: float,
    key: int,
    mode: int,
    *,
    seconds: float = 20.0,
    drums: float = 0.5,
    gain: float = 1.0,
    harmonics: int = 6,
    seed: int = 1,
) -> Sound:
    """Return four bars of chords with bass, a melody and drums, repeated; `drums` is their level."""
    random = np.random.default_rng(seed)
    sound, beat, chords = silence(seconds), 60 / bpm, _MAJOR_CHORDS if mode else _MINOR_CHORDS
    scale_steps = (MAJOR_SCALE if mode else MINOR_SCALE)[:-1]
    for number in range(int(seconds / beat)):
        at, chord = number * beat, chords[number // 4 % 4]
        if number % 4 == 0:
            _add(sound, at, 0.5 * _chord([_C4 + key + step for step in chord], 4 * beat, harmonics))
        _add(sound, at, note(_C3 - 12 + key + chord[0] % 12, beat, harmonics=3))
        step = chord[number % 3] if number % 2 == 0 else int(random.choice(scale_steps))
        _add(sound, at, 0.5 * note(_C4 + 12 + key + step % 12, beat, harmonics=harmonics))
        if drums:
            _drum_beat(sound, at, beat, number, drums, random)
    sound *= 0.25 * gain
    return np.clip(sound, -1, 1)


def applause(seconds: float, level: float = 0.1, seed: int = 2) -> Sound:
    """Return many claps at random times."""
    random = np.random.default_rng(seed)
    sound = silence(seconds)
    for at in random.uniform(0, seconds, round(250 * seconds)):
        _add(sound, float(at), _decay(0.02, 150) * random.normal(0, 1, round(0.02 * RATE)) * random.uniform(0.3, 1))
    return (level * sound / max(float(sound.std()), 1e-9)).astype(np.float32)


def _drum_beat(sound: Sound, at: float, beat: float, number: int, level: float, random: np.random.Generator) -> None:
    if number % 2 == 0:
        _add(sound, at, 2.5 * level * _decay(0.2, 18) * _sine(55, 0.2))
    else:
        _add(sound, at, level * _decay(0.15, 25) * random.normal(0, 0.7, round(0.15 * RATE)))
    for half in (0.0, 0.5):
        hat = np.diff(random.normal(0, 0.3, round(0.05 * RATE) + 1))
        _add(sound, at + half * beat, (1.0 if half == 0 else 0.6) * level * _decay(0.05, 80) * hat)


def _chord(pitches: Sequence[float], seconds: float, harmonics: int) -> Sound:
    notes = [note(pitch, seconds, harmonics=harmonics, decay=1.0) for pitch in pitches]
    return np.asarray(np.sum(notes, axis=0) / 2, np.float32)


def _add(sound: Sound, at: float, part: NDArray[np.floating]) -> None:
    start = round(at * RATE)
    kept = part[: max(0, len(sound) - start)]
    sound[start : start + len(kept)] += kept


def _sine(hertz: float, seconds: float) -> NDArray[np.float64]:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def _decay(seconds: float, rate: float) -> NDArray[np.float64]:
    """Return an exponential decay with an attack of 5 ms and a release of 10 ms."""
    times = np.arange(round(seconds * RATE)) / RATE
    return np.exp(-rate * times) * np.minimum(1, times / 0.005) * np.minimum(1, (seconds - times) / 0.01)
