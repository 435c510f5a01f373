"""Backend selection: correctness first, speed second. Backends are measured with the models' preparation, and checked at every
start.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from echo_synthesis.engines.kokoro.choice import Choice, Trial, read_choice, write_choice
from echo_synthesis.engines.kokoro.compiled import remove_compiled
from echo_synthesis.engines.kokoro.correctness import START, IncorrectSpeechError, check, problem
from echo_synthesis.engines.kokoro.machine import machine
from echo_synthesis.engines.kokoro.runtimes import BACKENDS, FLOAT32, Opener, Runtime, available
from echo_synthesis.engines.kokoro.trial import try_backend

_ENOUGH = 2
"""Number of correct backends required: one to use, and a fallback."""

Warn = Callable[[str, Mapping[str, str]], None]
"""Callback for warnings, with an event's name and its fields."""


class NoCorrectBackendError(Exception):
    """Failure of every backend; the message gives the reason for each."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        named = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        super().__init__(
            f"No Kokoro backend speaks correctly on this machine ({named}). "
            "Use another engine, or remove the model files and fetch them again with `echoctl models`."
        )


def choose(
    home: Path,
    threads: int,
    backends: Mapping[str, Opener] = BACKENDS,
    names: Sequence[str] | None = None,
    attempt: Callable[[str, Opener, Path, int], Trial] = try_backend,
) -> Choice:
    """Measure the backends and store the results; existing results of this machine are reused.

    Args:
        home: Folder of the models.
        threads: Number of threads of each backend.
        backends: Opener of each backend.
        names: Backends to measure; by default all that this machine supports.
        attempt: Function that measures a backend.

    Returns:
        All results. `Choice.ranking` is empty when no backend speaks correctly.
    """
    stored = read_choice(home)
    if stored is not None and stored.machine == machine() and stored.ranking:
        return stored
    choice = Choice(machine(), [])
    for name in available() if names is None else names:
        # the float32 backends are the slowest: they are measured only when they may be needed
        if name not in FLOAT32 or len(choice.ranking) < _ENOUGH:
            choice = Choice(choice.machine, [*choice.trials, attempt(name, backends[name], home, threads)])
    write_choice(home, choice)
    return choice


def open_runtime(
    home: Path, threads: int, warn: Warn = lambda _event, _fields: None, backends: Mapping[str, Opener] = BACKENDS
) -> Runtime:
    """Open the fastest backend that speaks a reference sentence correctly.

    Backends that were not measured on this machine come last, in the order of their expected speed. A backend that fails may
    have been compiled from a damaged cache, so it is compiled again once before the next backend is tried.

    Raises:
        NoCorrectBackendError: Every backend fails.
    """
    choice = read_choice(home)
    ranking: Sequence[str] = []
    reasons: dict[str, str] = {}
    tried: set[str] = set()
    if choice is not None and choice.machine == machine():
        ranking = choice.ranking
        tried = {trial.backend for trial in choice.trials}
        reasons = {trial.backend: trial.problem for trial in choice.trials if trial.problem}
    else:
        warn("backends_not_measured", {"remedy": "echoctl models"})
    untried = [name for name in available() if name not in tried]
    for name in [name for name in (*ranking, *untried) if name in backends]:
        try:
            return _opened(name, backends[name], home, threads)
        except IncorrectSpeechError as error:
            reasons[name] = str(error)
            said = {"error": " ".join(str(error.__cause__).split())} if error.__cause__ else {}
            warn("backend_rejected", {"backend": name, "reason": str(error), **said})
    raise NoCorrectBackendError(reasons)


def _opened(name: str, opener: Opener, home: Path, threads: int) -> Runtime:
    try:
        return _checked(opener, home, threads)
    except IncorrectSpeechError:
        if not remove_compiled(home, name):
            raise
    return _checked(opener, home, threads)


def _checked(opener: Opener, home: Path, threads: int) -> Runtime:
    """Open a backend and check its speech; every exception becomes an `IncorrectSpeechError`."""
    try:
        runtime = opener(home, threads)
        reason = problem(check(runtime, home, [START]))
    except IncorrectSpeechError:
        raise
    except Exception as error:
        raise IncorrectSpeechError(f"it cannot be opened or run: {type(error).__name__}") from error  # users may see it
    if reason:
        raise IncorrectSpeechError(reason)
    return runtime
