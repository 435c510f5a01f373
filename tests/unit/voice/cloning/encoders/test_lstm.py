import numpy as np
import pytest

from echo_voice.cloning.encoders import lstm
from echo_voice.cloning.encoders.lstm_inference import LstmInference

_RANDOM = np.random.default_rng(3)


def _normal(*shape: int) -> lstm.Floats:
    return (_RANDOM.standard_normal(shape) / 2).astype(np.float32)


@pytest.fixture(scope="module")
def cells() -> list[lstm.Cell]:
    return [(_normal(32, inputs), _normal(32, 8), _normal(32)) for inputs in (5, 8, 8)]


@pytest.mark.parametrize("count", [1, lstm.GROUP, lstm.GROUP + 1, 2 * lstm.GROUP + 3])
def test_states_without_gradient_equal_those_of_the_forward_pass(cells: list[lstm.Cell], count: int) -> None:
    inputs = _normal(12, count, 5)
    expected, _ = lstm.forward(cells, inputs)
    assert lstm.last_state(cells, inputs) == pytest.approx(expected, abs=1e-6)
    assert LstmInference(cells).last_state(inputs) == pytest.approx(expected, abs=1e-6)


def test_no_more_than_a_group_is_run_at_once(cells: list[lstm.Cell], monkeypatch: pytest.MonkeyPatch) -> None:
    forward, counts = lstm.forward, []

    def counted(cells: list[lstm.Cell], inputs: lstm.Floats) -> object:
        counts.append(inputs.shape[1])
        return forward(cells, inputs)

    monkeypatch.setattr(lstm, "forward", counted)
    lstm.last_state(cells, _normal(4, 2 * lstm.GROUP + 1, 5))
    assert counts == [lstm.GROUP, lstm.GROUP, 1]
