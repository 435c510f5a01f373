"""A clone whose speech is worse than that of its start is moved back towards it."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Semaphore

import numpy as np
import pytest

from echo_common.audio.style_file import MODULATION, VoiceStyle
from echo_voice.cloning.encoders.campplus import CAMPPLUS
from echo_voice.cloning.encoders.dvector import DVECTOR
from echo_voice.cloning.encoders.resemblyzer import RESEMBLYZER
from echo_voice.cloning.sentences import SENTENCES, UNSEEN
from echo_voice.cloning.speech_quality import SpeechQuality, between, check, choose, measure_speech, stock_quality, transpose
from echo_voice.cloning.stock import WHISPERING, stock_embeddings, stock_speech
from echo_voice.cloning.training import Trained
from echo_voice.similarity import Samples
from tests.support.recordings import harmonics

START = VoiceStyle(np.zeros((510, 256), np.float32), modulation=np.zeros(MODULATION, np.float16))
TRAINED = VoiceStyle(np.ones((510, 256), np.float32), 1.1, 2.0, 0.9, modulation=np.ones(MODULATION, np.float16))
STOCK = SpeechQuality(0.02, 3.4)


class FakeJudge:
    """A judge that finds a wrong word in every second sentence."""

    def __init__(self, *, opinion: float | None = 3.0, recogniser: bool = True) -> None:
        self._opinion, self._recogniser = opinion, recogniser
        self.asked: list[str] = []

    def count_word_errors(self, samples: Samples, text: str) -> int | None:
        self.asked.append(text)
        return len(self.asked) % 2 if self._recogniser else None

    def opinion(self, samples: Samples) -> float | None:
        return self._opinion


def _alike(samples: Samples) -> float:
    return 0.5


def tone(tokens: Sequence[int], voice: VoiceStyle) -> Samples:
    return np.sin(np.arange(24_000, dtype=np.float32) / 20)


def test_a_voice_is_judged_by_sentences_that_are_not_trained_on() -> None:
    judge = FakeJudge()
    found = measure_speech(TRAINED, tone, judge, lambda samples: 0.5)
    assert judge.asked == [text for text, _ in UNSEEN]
    assert not {tokens for _, tokens in UNSEEN} & set(SENTENCES)
    words = sum(len(text.split()) for text, _ in UNSEEN)
    assert found == SpeechQuality(pytest.approx(2 / words), 3.0, 0.5, pytest.approx(191, rel=0.01))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_speech_that_is_silent_or_not_finite_has_all_words_wrong(value: float) -> None:
    found = measure_speech(TRAINED, lambda tokens, voice: np.full(24_000, value, np.float32), FakeJudge(), _alike)
    assert found == SpeechQuality(1.0, 1.0, -1.0)


def test_without_judges_nothing_is_measured_and_the_trained_voice_remains() -> None:
    def measure(voice: VoiceStyle) -> SpeechQuality:
        return measure_speech(voice, tone, FakeJudge(opinion=None, recogniser=False), _alike)

    assert choose(START, TRAINED, STOCK, measure) == (TRAINED, SpeechQuality(None, None, 0.5, pytest.approx(191, rel=0.01)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("qualities", "share"),
    [
        ([SpeechQuality(0.02, 3.4)], 1.0),
        ([SpeechQuality(0.03, 3.3)], 1.0),
        ([SpeechQuality(0.04, 3.4), SpeechQuality(0.02, 3.4)], 0.75),
        ([SpeechQuality(0.02, 3.2), SpeechQuality(0.02, 3.35)], 0.75),
        ([SpeechQuality(0.2, 3.0), SpeechQuality(0.1, 3.1), SpeechQuality(0.05, 3.2)], 0.5),
    ],
)
def test_a_voice_with_unclear_speech_is_moved_back(qualities: Sequence[SpeechQuality], share: float) -> None:
    remaining = list(qualities)
    voice, found = choose(START, TRAINED, STOCK, lambda voice: remaining.pop(0))
    assert remaining == []
    assert found == qualities[-1]
    assert np.allclose(voice.table, share)
    assert np.allclose(voice.modulation, share, atol=1e-3)
    assert (voice.pitch_scale, voice.pitch_shift, voice.rate) == (1.1, 2.0, 0.9)


def test_a_voice_less_similar_than_the_built_in_one_is_replaced_by_the_start() -> None:
    found = {1.0: SpeechQuality(0.02, 3.4, 0.6), 0.0: SpeechQuality(0.02, 3.4, 0.65)}
    stock = replace(STOCK, similarity=0.7)
    voice, quality = choose(START, TRAINED, stock, lambda voice: found[float(voice.table[0, 0])])
    assert voice is START
    assert quality.similarity == 0.65


@pytest.mark.parametrize(("opinion", "measures"), [(4.0, 1), (1.5, 3)])
def test_the_check_measures_unseen_sentences_and_counts_them(opinion: float, measures: int) -> None:
    stock = next(iter(stock_quality()))
    counts: list[int] = []

    def speak(tokens: Sequence[int], voice: VoiceStyle) -> Samples:
        return np.full(24_000, 0.5, np.float32)

    judge = FakeJudge(opinion=opinion, recogniser=False)
    checked = check(
        Trained(TRAINED, START, stock), None, 0.25, speak, judge, lambda samples: float(np.median(samples)), counts.append
    )
    assert counts == list(range(1, measures * len(UNSEEN) + 1))
    assert checked.nearest_stock == 0.25
    assert checked.quality.similarity == pytest.approx(0.5, abs=0.01)
    assert (checked.voice is TRAINED) == (measures == 1)


@pytest.mark.parametrize(
    ("wanted", "spoken", "measures"),
    [(220.0, 220.0, 2), (180.0, 180.0, 2), (203.0, 200.0, 1), (None, 200.0, 1), (400.0, 224.5, 2)],
)
def test_the_pitch_is_corrected_by_that_of_the_speech(wanted: float | None, spoken: float, measures: int) -> None:
    heard: list[VoiceStyle] = []

    def speak(tokens: Sequence[int], voice: VoiceStyle) -> Samples:
        heard.append(voice)
        return harmonics(200 / 1.1 * voice.pitch_scale, 1.0, rate=24_000)

    trained = Trained(TRAINED, START, next(iter(stock_quality())))
    checked = check(trained, wanted, 0.25, speak, FakeJudge(opinion=4.0, recogniser=False), _alike)
    assert checked.quality.pitch == pytest.approx(spoken, rel=0.01)
    assert len(heard) == measures * len(UNSEEN)
    assert heard[-1] is checked.voice
    assert checked.voice.pitch_shift / checked.voice.pitch_scale == pytest.approx(2.0 / 1.1)


def test_a_pitch_at_the_limit_of_style_files_stays_within_it() -> None:
    voice = transpose(replace(TRAINED, pitch_scale=4.0, pitch_shift=-100.0), 2.0)
    assert voice.pitch_scale == 4.0
    assert voice.pitch_shift == pytest.approx(-112.2, abs=0.1)


def test_a_sentence_is_judged_while_the_next_one_is_synthesised() -> None:
    spoken = Semaphore(0)

    class WaitingJudge(FakeJudge):
        def opinion(self, samples: Samples) -> float | None:
            return 4.0 if spoken.acquire(timeout=5) else 1.0

    def speak(tokens: Sequence[int], voice: VoiceStyle) -> Samples:
        if tokens != UNSEEN[0][1]:
            spoken.release()
        if tokens == UNSEEN[-1][1]:
            spoken.release()
        return tone(tokens, voice)

    assert measure_speech(TRAINED, speak, WaitingJudge(recogniser=False), _alike).mos == 4.0


def test_a_voice_on_the_way_without_modulation_has_none() -> None:
    assert between(START, VoiceStyle(TRAINED.table), 0.5).modulation.size == 0


def test_the_speech_of_every_start_voice_was_measured() -> None:
    known = stock_quality()
    assert set(known) == set(stock_embeddings())
    for encoder in (RESEMBLYZER, CAMPPLUS, DVECTOR):
        assert set(stock_speech(encoder)) == set(known)
        assert all(0.8 < np.linalg.norm(vector) < 1 for vector in stock_speech(encoder).values())
    assert all(found.word_errors is not None and found.mos is not None for found in known.values())
    clear = [found for name, found in known.items() if name not in WHISPERING]
    assert max(found.word_errors or 0 for found in clear) < 0.1
    assert min(found.mos or 0 for found in clear) > 3
