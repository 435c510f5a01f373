"""Bad segments are spoken again; the best take is kept."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from echo_common.contracts.errors.synthesis import EngineCrashedError, EngineUnavailableError, TooManyQueuedError
from echo_common.contracts.values import SpeechProblem
from echo_common.errors import EchoError
from echo_synthesis.engine import ENOUGH_TAKES, MOST_TAKES, SegmentQuality, Speech, Utterance
from echo_synthesis.engines.tone.beeper import Beeper
from echo_synthesis.quality.gate import QualityGate
from echo_synthesis.quality.transcriber import WordErrors
from echo_synthesis.speech_check import ImplausibleSpeechError
from echo_synthesis.text.words import find_words

TEXT = "Seven words are spoken in this sentence."


def utter(text: str = TEXT, language: str = "en-US") -> Utterance:
    return Utterance(text, tuple(find_words(text, 100)), "tone_low", language)


class Takes:
    """An engine that records its takes and fails those that it is told."""

    def __init__(self, *, clipped: Sequence[int] = (), failing: Sequence[int] = (), error: EchoError | None = None) -> None:
        self.takes: list[int] = []
        self._clipped = clipped
        self._failing = failing
        self._error = error or EngineCrashedError()

    async def speak(self, utterance: Utterance) -> Speech:
        self.takes.append(utterance.take)
        if utterance.take in self._failing:
            raise self._error
        speech = Beeper().speak(utterance)
        if utterance.take in self._clipped:
            return replace(speech, samples=np.clip(4 * speech.samples, -0.9, 0.9).astype(np.float32))
        return speech


class ImplausibleTakes(Takes):
    """A pool that needs these numbers of takes for each request, each with clipped speech."""

    def __init__(self, needed: Sequence[int]) -> None:
        super().__init__(clipped=range(MOST_TAKES))
        self._needed = [*needed, 1, 1]

    async def speak(self, utterance: Utterance) -> Speech:
        count = self._needed.pop(0)
        spoken = [await super(ImplausibleTakes, self).speak(replace(utterance, take=utterance.take + n)) for n in range(count)]
        return replace(spoken[-1], takes=count)


class Heard:
    """A transcriber with prepared numbers of errors, one for each comparison; None for speech that cannot be transcribed."""

    def __init__(self, *errors: int | None, words: int = 7) -> None:
        self._errors = list(errors)
        self._words = words

    async def compare(self, utterance: Utterance, speech: Speech) -> WordErrors | None:
        errors = self._errors.pop(0)
        return None if errors is None else WordErrors(self._words, errors)


async def test_good_speech_is_spoken_once() -> None:
    engine = Takes()
    speech = await QualityGate(Heard(1)).speak(utter(), engine.speak, transcribe=True)
    assert engine.takes == [0]
    assert speech.quality == SegmentQuality(attempts=1, words=7, word_errors=1)


@pytest.mark.parametrize(("clipped", "takes"), [((0,), 2), ((0, 1), 3), ((0, 1, 2), 3)])
async def test_bad_speech_is_spoken_again_at_most_twice(clipped: tuple[int, ...], takes: int) -> None:
    engine = Takes(clipped=clipped)
    speech = await QualityGate().speak(utter(), engine.speak)
    assert engine.takes == list(range(takes))
    problems: tuple[SpeechProblem, ...] = ("clipped",) if len(clipped) == ENOUGH_TAKES else ()
    assert speech.quality == SegmentQuality(attempts=takes, problems=problems)


async def test_the_take_with_the_fewest_wrong_words_is_kept() -> None:
    engine = Takes()
    speech = await QualityGate(Heard(6, 4, 5)).speak(utter(), engine.speak, transcribe=True)
    assert speech.quality == SegmentQuality(attempts=3, problems=("words",), words=7, word_errors=4)
    assert np.array_equal(speech.samples, Beeper().speak(replace(utter(), take=1)).samples)


async def test_a_take_that_cannot_be_compared_does_not_replace_one_that_was() -> None:
    engine = Takes()
    speech = await QualityGate(Heard(6, None, 7)).speak(utter(), engine.speak, transcribe=True)
    assert speech.quality == SegmentQuality(attempts=3, problems=("words",), words=7, word_errors=6)
    engine = Takes(clipped=(0,))
    speech = await QualityGate(Heard(None, 3, 3)).speak(utter(), engine.speak, transcribe=True)
    assert speech.quality == SegmentQuality(attempts=3, problems=("words",), words=7, word_errors=3)


@pytest.mark.parametrize(
    ("dropped", "takes"), [([1], [0, 1, 2]), ([2, 2], [0, 1, 2, 3]), ([2, 1, 3], [0, 1, 2]), ([1, 1, 3], [0, 1, 2, 3, 4])]
)
async def test_no_take_is_spoken_twice(dropped: list[int], takes: list[int]) -> None:
    engine = ImplausibleTakes(dropped)
    speech = await QualityGate().speak(utter(), engine.speak)
    assert engine.takes == takes
    assert len(takes) <= MOST_TAKES
    assert speech.quality is not None
    assert speech.quality.attempts == len(takes)


@pytest.mark.parametrize(
    ("error", "takes"),
    [(EngineCrashedError(), 2), (ImplausibleSpeechError(), 3), (EngineUnavailableError(), 1), (TooManyQueuedError(), 1)],
)
async def test_a_later_take_that_fails_keeps_the_best_one(error: EchoError, takes: int) -> None:
    engine = Takes(clipped=(0,), failing=(1,), error=error)
    speech = await QualityGate().speak(utter(), engine.speak)
    assert speech.quality == SegmentQuality(attempts=takes, problems=("clipped",))


async def test_the_takes_of_an_interrupted_call_count() -> None:
    saved: list[Speech] = []

    async def save(speech: Speech) -> None:
        saved.append(speech)

    engine = Takes(clipped=range(MOST_TAKES))
    await QualityGate().speak(utter(), engine.speak, save=save)
    assert [speech.quality and speech.quality.attempts for speech in saved] == [1, 2]
    for speech in saved:
        engine.takes.clear()
        assert speech.quality is not None
        done = await QualityGate().speak(utter(), engine.speak, earlier=speech)
        assert engine.takes == list(range(speech.quality.attempts, ENOUGH_TAKES))
        assert done.quality == SegmentQuality(attempts=ENOUGH_TAKES, problems=("clipped",))


async def test_the_best_take_of_an_interrupted_call_may_be_the_best_of_all() -> None:
    earlier = replace(Beeper().speak(utter()), quality=SegmentQuality(attempts=2, problems=("words",), words=7, word_errors=4))
    speech = await QualityGate(Heard(6)).speak(utter(), Takes().speak, transcribe=True, earlier=earlier)
    assert speech.quality == SegmentQuality(attempts=3, problems=("words",), words=7, word_errors=4)
    assert speech.samples is earlier.samples


async def test_only_bad_speech_is_saved_between_takes() -> None:
    async def save(speech: Speech) -> None:
        saved.append(speech)

    saved: list[Speech] = []
    await QualityGate().speak(utter(), Takes(clipped=(0,)).speak, save=save)
    assert [speech.quality and speech.quality.problems for speech in saved] == [("clipped",)]


async def test_a_first_take_that_fails_is_an_error() -> None:
    with pytest.raises(EngineCrashedError):
        await QualityGate().speak(utter(), Takes(failing=(0,)).speak)


async def test_speech_is_kept_when_it_cannot_be_transcribed() -> None:
    speech = await QualityGate(Heard(None)).speak(utter(), Takes().speak, transcribe=True)
    assert speech.quality == SegmentQuality()


async def test_few_words_are_not_judged_by_a_recogniser() -> None:
    speech = await QualityGate(Heard(2, words=2)).speak(utter("Not judged."), Takes().speak, transcribe=True)
    assert speech.quality == SegmentQuality(words=2, word_errors=2)


@pytest.mark.parametrize(
    ("language", "requested", "switched_off", "reason"),
    [
        ("en-GB", True, False, None),
        ("en-GB", False, False, "not_requested"),
        ("en-GB", True, True, "switched_off"),
        ("de-DE", True, False, "not_calibrated"),
    ],
)
def test_the_reason_for_a_missing_comparison_is_known(
    language: str, requested: bool, switched_off: bool, reason: str | None
) -> None:
    gate = QualityGate(Heard(), switched_off=switched_off)
    assert gate.reason_without_transcript(language, requested=requested) == reason
    if reason is None:
        assert QualityGate().reason_without_transcript(language, requested=True) == "not_installed"
