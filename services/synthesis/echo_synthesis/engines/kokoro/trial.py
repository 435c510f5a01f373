"""Measurement of a backend in a separate process, so that a crash or a hang affects nothing else."""

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

from echo_synthesis.engines.kokoro.choice import Trial
from echo_synthesis.engines.kokoro.correctness import TIMED, IncorrectSpeechError, check, problem
from echo_synthesis.engines.kokoro.runtimes import Opener, Runtime

TRIAL_SECONDS = 300.0
_TIMED_RUNS = 2


def try_backend(name: str, opener: Opener, home: Path, threads: int, seconds: float = TRIAL_SECONDS) -> Trial:
    """Open a backend, compare its speech with the reference, and measure the time for a sentence.

    Args:
        name: Name of the backend.
        opener: Opener of the backend; the child process imports it by its name.
        home: Folder of the models.
        threads: Number of threads of the backend.
        seconds: Time limit of the measurement.
    """
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_try, args=(sending, name, opener, home, threads), daemon=True)
    child.start()
    sending.close()
    try:
        if not receiving.poll(seconds):
            return Trial(name, f"it took longer than {seconds:g} s")
        found = receiving.recv()
        return found if isinstance(found, Trial) else Trial(name, "its process sent no result")
    except EOFError:
        child.join()
        return Trial(name, f"its process ended with exit code {child.exitcode}")
    finally:
        child.kill()
        child.join()
        receiving.close()


def _try(sending: Connection, name: str, opener: Opener, home: Path, threads: int) -> None:
    try:
        runtime = opener(home, threads)
        figures = check(runtime, home)
        found = Trial(name, problem(figures), _seconds(runtime, home), figures)
    except IncorrectSpeechError as error:
        found = Trial(name, str(error))
    except Exception as error:  # any exception of a library is a reason not to use the backend
        found = Trial(name, f"it cannot be opened or run: {type(error).__name__}: {error}")
    sending.send(found)
    sending.close()


def _seconds(runtime: Runtime, home: Path) -> float:
    """Return the shortest time of several runs, because other processes may use the processor."""
    taken = []
    for _ in range(_TIMED_RUNS):
        started = time.perf_counter()
        runtime.run(TIMED.tokens(), TIMED.style(home), 1.0)
        taken.append(time.perf_counter() - started)
    return round(min(taken), 4)
