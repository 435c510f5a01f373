"""P14: deviation of every usable backend from the reference backend."""

import asyncio
from collections.abc import Sequence

from bench.figure import Figure, NotMeasuredError
from bench.stage import Stage

_UNITS = {"level": "dB", "length": "", "tokens": "frames", "spectrum": "dB"}
_WHAT = {
    "level": "level",
    "length": "duration, relative",
    "tokens": "duration of a token, mean",
    "spectrum": "log-mel distance",
}
_THREADS = 2


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure the largest deviation over all reference sentences; a note names a backend that cannot be compared."""
    try:
        from echo_synthesis.engines.kokoro import folder
        from echo_synthesis.engines.kokoro.correctness import BOUNDS
        from echo_synthesis.engines.kokoro.runtimes import BACKENDS, available
        from echo_synthesis.engines.kokoro.trial import try_backend
    except ImportError as error:
        raise NotMeasuredError(f"Kokoro is not installed: {error}") from error
    figures: list[Figure] = []
    for name in available():
        trial = await asyncio.to_thread(try_backend, name, BACKENDS[name], folder(stage.models), _THREADS)
        if not trial.figures:
            figures.append(Figure("P14", f"Kokoro, {name}: refused", [0.0], note=f"not used: {trial.problem}"))
        for figure, value in trial.figures.items():
            what = f"Kokoro, {name}: largest difference of {_WHAT[figure]}"
            figures.append(Figure("P14", what, [value], _UNITS[figure], at_most=BOUNDS[figure]))
    return figures
