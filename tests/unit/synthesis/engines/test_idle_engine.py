"""An idle engine worker prepares, then releases memory that only an utterance needs."""

import queue
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from echo_synthesis.engine import IdleEngine, Speech, Utterance
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
    assert process._next(engine, requests, iter(())) == {"number": 1}
    assert engine.released == 1


def test_waiting_requests_are_served_before_releasing_memory(requests: "queue.SimpleQueue[Header]") -> None:
    engine = Engine(requests)
    requests.put({"number": 7})
    assert process._next(engine, requests, iter(())) == {"number": 7}
    assert engine.released == 0


def test_engines_with_a_recogniser_release_memory_too(requests: "queue.SimpleQueue[Header]") -> None:
    engine = Engine(requests)
    aligned = AlignedEngine(engine, Path("model"))
    assert isinstance(aligned, IdleEngine)
    aligned.release_memory()
    assert engine.released == 1


def test_idle_engines_prepare_until_a_request_arrives(requests: "queue.SimpleQueue[Header]") -> None:
    def prepare() -> Iterator[None]:
        yield
        requests.put({"number": 7})
        yield
        raise AssertionError("a request is waiting")

    assert process._next(Engine(requests), requests, prepare()) == {"number": 7}


def test_requests_are_served_when_a_preparation_fails(
    requests: "queue.SimpleQueue[Header]", monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare() -> Iterator[None]:
        yield
        raise RuntimeError("no memory")

    monkeypatch.setattr(process, "_IDLE_SECONDS", 0.0)
    assert process._next(Engine(requests), requests, prepare()) == {"number": 1}
