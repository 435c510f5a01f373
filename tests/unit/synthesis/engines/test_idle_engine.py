"""Engine workers prepare in steps, and release memory that only an utterance needs when they are idle."""

import queue
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from echo_synthesis.engine import IdleEngine, PreparingEngine, Speech, Utterance
from echo_synthesis.engines import __main__ as process
from echo_synthesis.engines.wire import Header
from echo_synthesis.timing.recogniser_alignment import AlignedEngine


class Engine:
    """An engine that receives a request right after it has released memory."""

    def __init__(self, requests: "queue.SimpleQueue[Header]") -> None:
        self.released = 0
        self._requests = requests

    def release_memory(self) -> None:
        self.released += 1
        self._requests.put({"number": self.released})

    def speak(self, utterance: Utterance) -> Speech:
        return Speech(np.zeros(1, np.float32), 24_000, (), "model")


@pytest.fixture
def requests() -> "queue.SimpleQueue[Header]":
    return queue.SimpleQueue()


def test_idle_engines_release_memory_once(requests: "queue.SimpleQueue[Header]", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_IDLE_SECONDS", 0.0)
    engine = Engine(requests)
    assert process._next(engine, requests) == {"number": 1}
    assert engine.released == 1


def test_waiting_requests_are_served_before_releasing_memory(requests: "queue.SimpleQueue[Header]") -> None:
    engine = Engine(requests)
    requests.put({"number": 7})
    assert process._next(engine, requests) == {"number": 7}
    assert engine.released == 0


def test_engines_with_a_recogniser_release_memory_too(requests: "queue.SimpleQueue[Header]") -> None:
    engine = Engine(requests)
    aligned = AlignedEngine(engine, Path("model"))
    assert isinstance(aligned, IdleEngine)
    aligned.release_memory()
    assert engine.released == 1


def test_engines_with_a_recogniser_prepare_too(requests: "queue.SimpleQueue[Header]") -> None:
    prepared: list[int] = []

    class Preparing(Engine):
        def prepare(self) -> Iterator[None]:
            prepared.append(1)
            yield

    aligned = AlignedEngine(Preparing(requests), Path("model"))
    assert isinstance(aligned, PreparingEngine)
    assert list(aligned.prepare()) == [None]
    assert prepared == [1]
    assert list(AlignedEngine(Engine(requests), Path("model")).prepare()) == []


def test_a_preparation_ends_with_its_last_step_or_an_error() -> None:
    def prepare() -> Iterator[None]:
        yield
        raise RuntimeError("no memory")

    preparation = prepare()
    assert [process._prepares(preparation) for _ in range(3)] == [True, False, False]
