"""Long short-term memory layers in numpy, with the gradient of their input."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Cell = tuple[Floats, Floats, Floats]
"""Weights by input (4n, inputs), by state (4n, n), and bias (4n,), in the order input, forget, candidate, output."""
GROUP = 32
"""Number of sequences that are run at once where no gradient is needed: more hardly run faster, and need more memory."""


def forward(cells: Sequence[Cell], inputs: Floats) -> tuple[Floats, Sequence[Any]]:
    """Run layers over (time, batch, features); return the last state and the values for the backward pass."""
    tape = []
    for weight, recurrent, bias in cells:
        size = recurrent.shape[1]
        projected = inputs @ weight.T + bias
        transposed = np.ascontiguousarray(recurrent.T)  # one copy is cheaper than a transposed operand in every step
        states = np.zeros((len(inputs) + 1, inputs.shape[1], size), np.float32)
        memories = np.zeros_like(states)
        gates = np.empty_like(projected)
        for time, projection in enumerate(projected):
            raw = projection + states[time] @ transposed
            gates[time] = 0.5 + 0.5 * np.tanh(raw / 2)
            gates[time, :, 2 * size : 3 * size] = np.tanh(raw[:, 2 * size : 3 * size])
            i, f, g, o = _parts(gates[time])
            memories[time + 1] = f * memories[time] + i * g
            states[time + 1] = o * np.tanh(memories[time + 1])
        tape.append((gates, memories))
        inputs = states[1:]
    return inputs[-1], tape


def last_state(cells: Sequence[Cell], inputs: Floats) -> Floats:
    """Return the last state of `forward`, without the values for the backward pass of more than a group of sequences."""
    starts = range(0, inputs.shape[1], GROUP)
    return np.concatenate([forward(cells, inputs[:, start : start + GROUP])[0] for start in starts])


def backward(cells: Sequence[Cell], last: Floats, tape: Sequence[Any]) -> Floats:
    """Compute the gradient of `forward`'s inputs from that of the last state."""
    outer = np.zeros((len(tape[0][0]), *last.shape), np.float32)
    outer[-1] = last
    for (weight, recurrent, _), (gates, memories) in zip(reversed(cells), reversed(tape), strict=True):
        to_raw = np.empty_like(gates)
        to_state, to_memory = np.zeros_like(last), np.zeros_like(last)
        for time in reversed(range(len(gates))):
            i, f, g, o = _parts(gates[time])
            to_state = to_state + outer[time]
            activated = np.tanh(memories[time + 1])
            to_memory = to_memory + to_state * o * (1 - activated**2)
            to_raw[time] = np.concatenate(
                [
                    to_memory * g * i * (1 - i),
                    to_memory * memories[time] * f * (1 - f),
                    to_memory * i * (1 - g**2),
                    to_state * activated * o * (1 - o),
                ],
                axis=1,
            )
            to_state = to_raw[time] @ recurrent
            to_memory = to_memory * f
        outer = to_raw @ weight
    return outer


def _parts(gates: Floats) -> Floats:
    """Return views (4, batch, n) of the gates (batch, 4n)."""
    return gates.reshape(len(gates), 4, -1).swapaxes(0, 1)
