"""Removal of loudspeaker echo from a microphone's signal.

The adaptive filter, the estimation of its delay up to about half a second, and the suppression of the remaining echo are those of
WebRTC (AEC3), which `livekit` packages. This module models the loudspeaker: a queue of the samples that were sent, which plays at
the microphone's pace, so that both signals have one clock whatever the network does. It aligns longer delays, and recognises echo
while the filter still adapts.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo_voice.talk.codecs import LISTENING_RATE, Samples

_BLOCK = 160
"""Samples of 10 ms, the unit of the filter."""

_FILTER_DELAY = 128
"""Delay of the filter in samples. What passes without it is delayed as well, so that the signal has no gap."""

_HISTORY = 4 * LISTENING_RATE
_LONGEST_DELAY = 2 * LISTENING_RATE
_ALIGNED_FROM = int(0.3 * LISTENING_RATE)
"""Delay above which the reference is delayed, too: the filter searches about half a second."""
_ALIGNED_DELAY = int(0.05 * LISTENING_RATE)
"""Delay that remains for the filter, so that an estimate that is too long does no harm."""
_ESTIMATE_EVERY = int(0.25 * LISTENING_RATE)
_ESTIMATED = LISTENING_RATE
_ECHO_FREE_AFTER = 2 * LISTENING_RATE
"""Samples of a reply after which there is no echo if none was found: the longest delay. Then nothing is filtered: the filter
suppresses a person until it has seen an echo."""
_LOST_AFTER = 5 * LISTENING_RATE
"""Samples of a reply without a clear echo after which an earlier one is forgotten: the user has put on headphones."""
_SEARCHED = int(0.3 * LISTENING_RATE)
"""Samples in which a changed delay is searched when speech seems to start."""
_SAME_DELAY = 16
"""Difference in samples up to which two consecutive estimates confirm each other; those of unrelated sounds differ."""
_PROMINENT = 9.0
"""Peak of a cross-correlation, in standard deviations, from which it is the delay of an echo."""

_EXPLAINED_WINDOW = int(0.192 * LISTENING_RATE)
_EXPLAINED_STEP = 2
"""Only every second sample, of pairs averaged, is compared: it costs an eighth."""
_TAPS = 256
_EARLY = 64
_TAIL = LISTENING_RATE
"""Samples for which a loudspeaker that was silenced may still be heard: the client's buffer and the way back."""
_REVERBERATION = int(0.3 * LISTENING_RATE)
_QUIET = 1e-4
_REGULARISATION = 1e-3
_EXPLAINED_SHARE = 0.65
"""Share of the energy that a filtered copy of the reply explains, from which sound is echo."""


class EchoCanceller:
    """A filter of a microphone's signal at `LISTENING_RATE`. While nothing is played, it costs nothing."""

    def __init__(self) -> None:
        self._apm: Any = None
        self._queued: NDArray[np.int16] = np.zeros(0, np.int16)
        self._held = np.zeros(0, np.float32)
        self._previous = np.zeros(_BLOCK, np.float32)
        self._reference = np.zeros(_HISTORY, np.float32)
        self._microphone = np.zeros(_HISTORY, np.float32)
        self._since_played = _HISTORY
        self._since_estimate = 0
        self._shift = 0
        self._delay: int | None = None
        self._candidate = -_LONGEST_DELAY
        self._unconfirmed = 0

    @property
    def playing(self) -> bool:
        """True while the loudspeaker may be heard."""
        tail = _TAIL + self._shift if self._delay is None else self._delay + _REVERBERATION
        return self._since_played < tail

    @property
    def delay_seconds(self) -> float | None:
        """Estimated delay of the echo; None while it is not known."""
        return None if self._delay is None else self._delay / LISTENING_RATE

    def play(self, samples: Samples) -> None:
        """Queue samples that were sent to the loudspeaker."""
        self._queued = np.concatenate([self._queued, _to_int16(samples)])

    def stop(self) -> None:
        """Discard queued samples, except those that the loudspeaker may play before it is silenced."""
        self._queued = self._queued[:_TAIL]

    def process(self, samples: Samples) -> Samples:
        """Return the microphone's signal without the echo, 8 to 18 ms late."""
        data = np.concatenate([self._held, samples])
        whole = len(data) - len(data) % _BLOCK
        self._held = data[whole:]
        blocks = [self._process_block(data[start : start + _BLOCK]) for start in range(0, whole, _BLOCK)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def explains(self) -> bool:
        """Return whether the microphone's last fifth of a second is mostly echo: a filtered copy of the reply.

        When the estimated delay does not explain it, the delay may have changed since the last estimate: then it is searched again.
        """
        if self._delay is None:
            return False
        if self._explains(self._delay):
            return True
        changed = self._prominent_delay(_SEARCHED)
        if changed is None or not self._explains(changed):
            return False
        self._accept(changed)
        return True

    def _explains(self, delay: int) -> bool:
        heard = _halve(self._microphone[-_EXPLAINED_WINDOW:])
        energy = float(heard @ heard)
        if energy < _QUIET:
            return False
        last = _HISTORY - max(0, delay - _EARLY)
        played = _halve(self._reference[last - _EXPLAINED_WINDOW - _EXPLAINED_STEP * (_TAPS - 1) : last])
        delayed = np.lib.stride_tricks.sliding_window_view(played, len(heard))[::-1]
        correlation = delayed @ heard
        covariance = delayed @ delayed.T
        covariance[np.diag_indices(_TAPS)] += _REGULARISATION * covariance[0, 0] + 1e-9
        explained = float(correlation @ np.linalg.solve(covariance, correlation))
        return explained > _EXPLAINED_SHARE * energy

    def _process_block(self, block: Samples) -> Samples:
        played = np.zeros(_BLOCK, np.int16)
        taken = self._queued[:_BLOCK]
        played[: len(taken)] = taken
        self._queued = self._queued[len(taken) :]
        passed = np.concatenate([self._previous[-_FILTER_DELAY:], block[:-_FILTER_DELAY]])
        self._previous = block
        self._since_played = 0 if taken.any() else min(self._since_played + _BLOCK, 2 * _HISTORY)
        if not self.playing:
            return passed
        self._reference = np.concatenate([self._reference[_BLOCK:], played.astype(np.float32) / 32768])
        self._microphone = np.concatenate([self._microphone[_BLOCK:], block])
        self._since_estimate += _BLOCK
        if self._since_estimate >= _ESTIMATE_EVERY:
            self._since_estimate = 0
            self._estimate_delay()
        echo_free = self._delay is None and self._unconfirmed >= _ECHO_FREE_AFTER
        return passed if echo_free else self._filter(block)

    def _estimate_delay(self) -> None:
        """Estimate the delay; keep the last one if none is clear, or if the estimate before was another."""
        if float(np.square(self._reference[-_ESTIMATED:]).sum()) >= _QUIET:
            self._unconfirmed += _ESTIMATE_EVERY
        if self._unconfirmed >= _LOST_AFTER:
            self._delay = None
        delay = self._prominent_delay(_ESTIMATED)
        if delay is None:
            return
        candidate, self._candidate = self._candidate, delay
        if abs(delay - candidate) <= _SAME_DELAY:
            self._accept(delay)

    def _prominent_delay(self, samples: int) -> int | None:
        """Find the delay of the last samples by cross-correlation with phase transform (Knapp and Carter, 1976); None if none is clear."""
        heard = self._microphone[-samples:]
        played = self._reference[-(samples + _LONGEST_DELAY) :]
        if float(heard @ heard) < _QUIET or float(played @ played) < _QUIET:
            return None
        size = 2 ** int(np.ceil(np.log2(len(played) + samples)))
        product = np.fft.rfft(played, size) * np.conj(np.fft.rfft(heard, size))
        strength = np.abs(product)
        product /= np.maximum(strength, _REGULARISATION * float(strength.max(initial=0.0)) + 1e-12)
        lags = np.fft.irfft(product, size)[: _LONGEST_DELAY + 1]
        best = int(lags.argmax())
        return None if lags[best] < _PROMINENT * float(lags.std()) else _LONGEST_DELAY - best

    def _accept(self, delay: int) -> None:
        self._unconfirmed = 0
        self._candidate = self._delay = delay
        if not 0 <= delay - self._shift <= _ALIGNED_FROM:
            self._shift = max(0, delay - _ALIGNED_DELAY)

    def _filter(self, block: Samples) -> Samples:
        from livekit.rtc import AudioFrame
        from livekit.rtc.apm import AudioProcessingModule

        if self._apm is None:
            self._apm = AudioProcessingModule(echo_cancellation=True)
        last = _HISTORY - self._shift
        reference = _to_int16(self._reference[last - _BLOCK : last])
        self._apm.process_reverse_stream(AudioFrame(reference.tobytes(), LISTENING_RATE, 1, _BLOCK))
        frame = AudioFrame(_to_int16(block).tobytes(), LISTENING_RATE, 1, _BLOCK)
        self._apm.set_stream_delay_ms(0)
        self._apm.process_stream(frame)
        return np.frombuffer(frame.data, np.int16).astype(np.float32) / np.float32(32768)


def _halve(samples: Samples) -> NDArray[np.float64]:
    halved: NDArray[np.float64] = samples.reshape(-1, _EXPLAINED_STEP).mean(axis=1, dtype=np.float64)
    return halved


def _to_int16(samples: Samples) -> NDArray[np.int16]:
    return np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)
