"""Final check of an audio or stream during its assembly, before it is stored or sent."""

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.pipeline.narration import Narration, SpokenSegment
from echo_synthesis.speech_check import ImplausibleSpeechError, has_letters, is_silent

_AUDIBLE = 0.1
"""Volume of the loudest segment below which an audio may be silent, because the request asks for it."""

_TOLERANCE = 0.01
"""Seconds by which the encoded audio may differ from the speech, because resampling rounds."""


class AssemblyCheck:
    """Check of the encoder's input, segment by segment, and of the whole at the end.

    Every method raises `ImplausibleSpeechError`: the assembly must then store nothing, and end a stream with an error.
    """

    def __init__(self, narration: Narration) -> None:
        self._rate = narration.engine.sample_rate
        self._volume = 0.0
        self.extend(narration)
        self._engine = narration.engine.name
        self._samples = 0
        self._latest = 0.0
        self._silent = True

    def extend(self, narration: Narration) -> None:
        """Expect the segments of a narration that continues the audio."""
        volumes = (
            spaced.segment.tone.volume * narration.settings.volume
            for spaced in narration.script
            if has_letters(spaced.segment.text)
        )
        self._volume = max(self._volume, max(volumes, default=0.0))

    def add(self, segment: SpokenSegment) -> None:
        """Check a segment before it is encoded: its word timings follow those before it and lie within the audio so far."""
        self._samples += len(segment.speech.samples)
        duration = self._samples / self._rate
        for word in segment.words:
            # NaN fails this comparison
            if not self._latest - _TOLERANCE <= word.start <= word.end <= duration + _TOLERANCE:
                self._fail(f"The word {word.word!r} has times outside its audio.")
            self._latest = word.start

    def encode(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Check the samples for the encoder and return them."""
        if len(samples):
            with np.errstate(all="ignore"):
                finite = np.isfinite(samples.sum(dtype=np.float64))
            if not finite:
                self._fail("The audio holds samples that are not finite.")
            self._silent = self._silent and is_silent(samples, min(1.0, self._volume))
        return samples

    def finish(self, encoded_seconds: float) -> None:
        """Check the whole: as long as the speech, and not silent if it contains words."""
        duration = self._samples / self._rate
        if abs(encoded_seconds - duration) > _TOLERANCE:
            self._fail(f"The audio has {encoded_seconds:.3f} s of {duration:.3f} s.")
        if self._volume >= _AUDIBLE and self._silent:
            self._fail("The audio is silent.")

    def _fail(self, problem: str) -> None:
        raise ImplausibleSpeechError(
            f"{problem} Nothing of it was stored; try again, or choose another voice.",
            details={"engine": self._engine, "reason": problem},
        )
