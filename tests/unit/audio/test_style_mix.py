"""Tests of the mixing of styles."""

import numpy as np
import pytest

from echo_common.audio.style_file import MODULATION, ROWS, STYLE, VoiceStyle
from echo_common.audio.style_mix import mix_styles

ONE, FIVE = (np.full((ROWS, STYLE), value, np.float32) for value in (1, 5))


def test_a_mix_is_the_weighted_mean_of_its_tables() -> None:
    assert np.allclose(mix_styles([VoiceStyle(ONE), VoiceStyle(FIVE)], [0.75, 0.25]).table, 2.0)


def test_a_mix_of_a_voice_with_itself_is_the_voice() -> None:
    table = np.random.default_rng(1).normal(size=(ROWS, STYLE)).astype(np.float32)
    style = VoiceStyle(table, 1.2, -8.0, 1.1, "en-GB", np.full(MODULATION, 0.5, np.float16))
    mixed = mix_styles([style, style], [0.3, 0.7])
    assert np.allclose(mixed.table, table)
    assert np.array_equal(mixed.modulation, style.modulation)
    assert (mixed.pitch_scale, mixed.pitch_shift, mixed.rate) == pytest.approx((1.2, -8.0, 1.1))
    assert mixed.accent == "en-GB"


def test_the_adaptations_of_voices_are_mixed() -> None:
    slow = VoiceStyle(ONE, 1.0, -10.0, 0.8, "en-GB", np.full(MODULATION, 2, np.float16))
    quick = VoiceStyle(ONE, 2.0, 30.0, 1.25)
    mixed = mix_styles([slow, quick], [0.5, 0.5])
    assert (mixed.pitch_scale, mixed.pitch_shift, mixed.rate) == pytest.approx((1.5, 10.0, 1.0))
    assert np.array_equal(mixed.modulation, np.full(MODULATION, 1, np.float16))  # a voice without one has no offsets
    assert mix_styles([quick, quick], [0.5, 0.5]).modulation.size == 0


@pytest.mark.parametrize(("share", "accent"), [(0.6, "en-GB"), (0.4, "en-US")])
def test_the_largest_share_determines_the_accent(share: float, accent: str) -> None:
    styles = [VoiceStyle(ONE, accent="en-GB"), VoiceStyle(FIVE)]
    assert mix_styles(styles, [share, 1 - share]).accent == accent
