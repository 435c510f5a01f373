"""Listening to a microphone: decoding, removal of echo, and detection of utterances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from echo_common.contracts.http.talk import TalkFormat
from echo_voice.talk.codecs import LISTENING_RATE, InputDecoder, Samples, split_format
from echo_voice.talk.detector import Probability, SpeechDetector, SpeechEnded, SpeechEvent, VoiceActivity
from echo_voice.talk.echo_canceller import EchoCanceller


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message of a microphone held: its duration, and the events that it completed."""

    seconds: float
    events: Sequence[SpeechEvent]


class Listener:
    """A listener to one microphone, next to the loudspeaker that plays the replies."""

    def __init__(
        self, input_format: TalkFormat, output_format: TalkFormat, options: VoiceActivity, model: Probability | None = None
    ) -> None:
        self._decoder = InputDecoder(input_format)
        self._canceller = EchoCanceller()
        self._detector = SpeechDetector(options, self._canceller, model)
        self._output_rate = split_format(output_format)[1]
        self._resampler = self._new_resampler()

    @property
    def utterance(self) -> Samples | None:
        """The samples of the utterance so far; None outside of one."""
        return self._detector.utterance

    def hear(self, message: bytes) -> Heard:
        """Process a message of the microphone. Raises `MalformedAudioError`."""
        samples = self._decoder.decode(message)
        return Heard(len(samples) / LISTENING_RATE, self._detector.feed(self._canceller.process(samples)))

    def play(self, pcm: bytes) -> None:
        """Take note of audio that was sent to the loudspeaker: 16 bits, at the rate of the output."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
        self._canceller.play(samples if self._resampler is None else self._resampler.resample_chunk(samples))

    def stop_playing(self) -> None:
        """Take note that the client was told to silence the loudspeaker."""
        self._canceller.stop()
        self._resampler = self._new_resampler()

    def _new_resampler(self) -> soxr.ResampleStream | None:
        if self._output_rate == LISTENING_RATE:
            return None
        return soxr.ResampleStream(self._output_rate, LISTENING_RATE, 1, dtype="float32", quality="MQ")


def utterances(events: Sequence[SpeechEvent]) -> Sequence[Samples]:
    """Return the samples of the utterances that end in `events`."""
    return [event.samples for event in events if isinstance(event, SpeechEnded)]
