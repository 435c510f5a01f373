"""Selection of a backend: correctness first, speed second. Measured with the models' preparation, checked at every start."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from echo_synthesis.engines.kokoro.choice import Choice, Trial, read_choice, write_choice
from echo_synthesis.engines.kokoro.compiled import remove_compiled
from echo_synthesis.engines.kokoro.correctness import START, IncorrectSpeechError, check, problem
from echo_synthesis.engines.kokoro.machine import machine
from echo_synthesis.engines.kokoro.runtimes import BACKENDS, REFERENCE, Opener, Runtime, available
from echo_synthesis.engines.kokoro.trial import try_backend

_ENOUGH = 2
"""Correct backends: one to speak, and one to replace it."""

Warn = Callable[[str, Mapping[str, str]], None]
"""Called for each rejected backend with an event's name and its fields."""


class NoCorrectBackendError(Exception):
    """No backend speaks correctly; the message says why for each."""

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
    """Measure the backends and keep the figures; figures of this machine that exist are taken as they are.

    Args:
        home: The folder of the models.
        threads: Threads of each backend.
        backends: The opener of each backend.
        names: The backends to measure; those that this machine allows unless given.
        attempt: Measures one backend.

    Returns:
        All figures. `Choice.ranking` is empty when no backend speaks correctly.
    """
    kept = read_choice(home)
    if kept is not None and kept.machine == machine() and kept.ranking:
        return kept
    choice = Choice(machine(), [])
    for name in available() if names is None else names:
        # the reference is the slowest: measured only where it may be needed
        if name != REFERENCE or len(choice.ranking) < _ENOUGH:
            choice = Choice(choice.machine, [*choice.trials, attempt(name, backends[name], home, threads)])
    write_choice(home, choice)
    return choice


def open_runtime(
    home: Path, threads: int, warn: Warn = lambda _event, _fields: None, backends: Mapping[str, Opener] = BACKENDS
) -> Runtime:
    """Open the fastest backend that speaks a reference sentence correctly now.

    Backends that were not measured on this machine come last, in the order of their likely speed. A backend that fails may have
    been compiled from a damaged cache: it is compiled anew once before the next one is taken.

    Raises `NoCorrectBackendError`.
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
    """Open a backend and let it speak; whatever it raises is an `IncorrectSpeechError`."""
    try:
        runtime = opener(home, threads)
        reason = problem(check(runtime, home, [START]))
    except IncorrectSpeechError:
        raise
    except Exception as error:
        raise IncorrectSpeechError(f"it cannot be opened or run: {type(error).__name__}") from error  # users may read it
    if reason:
        raise IncorrectSpeechError(reason)
    return runtime
