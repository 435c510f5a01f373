"""One backend at a time in a process of its own: what crashes or hangs there is a backend not to use, and costs nothing else."""

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
    """Open a backend, compare its speech with the reference, and measure how long a sentence takes.

    Args:
        name: The backend's name.
        opener: The backend's opener; the child process imports it by its name.
        home: The folder of the models.
        threads: Threads the backend may use.
        seconds: The longest that all this may take.
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
    except Exception as error:  # whatever a library raises, it is a reason not to use the backend
        found = Trial(name, f"it cannot be opened or run: {type(error).__name__}: {error}")
    sending.send(found)
    sending.close()


def _seconds(runtime: Runtime, home: Path) -> float:
    """The least of several runs: another process may have had the processor."""
    taken = []
    for _ in range(_TIMED_RUNS):
        started = time.perf_counter()
        runtime.run(TIMED.tokens(), TIMED.style(home), 1.0)
        taken.append(time.perf_counter() - started)
    return round(min(taken), 4)
