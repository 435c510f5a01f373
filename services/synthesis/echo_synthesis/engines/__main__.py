"""Engine worker: `python -m echo_synthesis.engines NAME --models DIR` reads utterances from stdin, writes speech to stdout."""

import argparse
import ctypes
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from echo_common.contracts.errors.synthesis import EngineUnavailableError, ProviderFailedError, VoiceNotFoundError
from echo_common.sandbox import claim_stdout, die_with_parent
from echo_synthesis.engine import Engine, EngineConfig, IdleEngine, PreparingEngine
from echo_synthesis.engines import discover
from echo_synthesis.engines.wire import PREFIX, Header, pack, pack_speech, utterance_from_header

_IDLE_SECONDS = 10.0
"""Idle time after which memory that is only needed during synthesis is released."""


def main() -> int:
    """Load the engine, report readiness, then handle every request with one frame until stdin ends."""
    parser = argparse.ArgumentParser(prog="echo_synthesis.engines")
    parser.add_argument("engine")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--recogniser", type=Path)
    options = parser.parse_args()

    # Ctrl-C reaches the whole process group; the parent decides the order of termination
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    os.nice(options.nice)
    out = claim_stdout()
    requests: queue.SimpleQueue[Header] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()

    warnings: list[Header] = []
    config = EngineConfig(
        options.models, options.threads, warn=lambda event, fields: warnings.append({"event": event, "fields": fields})
    )
    try:
        spec = discover({options.engine})[options.engine]
        engine = spec.load(config)
        if options.recogniser is not None:
            engine = _aligned(engine, options.recogniser, options.threads)
    except Exception as error:
        _send(out, pack({"error": "load", "message": f"{type(error).__name__}: {error}", "warnings": warnings}))
        return 1
    _release_memory(engine)
    _send(out, pack({"ready": True, "warnings": warnings}))
    _serve(engine, requests, out, spec.concurrency)
    return 0


def _serve(engine: Engine, requests: "queue.SimpleQueue[Header]", out: BinaryIO, concurrency: int) -> None:
    """Process requests forever; an engine without concurrency stays on the main thread, as its library may require."""
    preparation = engine.prepare() if isinstance(engine, PreparingEngine) else iter(())
    if concurrency == 1:
        while True:
            _send(out, _handle_request(engine, _next(engine, requests), preparation))
    writing = threading.Lock()

    def respond(header: Header) -> None:
        frame = _handle_request(engine, header, preparation)
        with writing:
            _send(out, frame)

    with ThreadPoolExecutor(concurrency) as threads:
        while True:
            threads.submit(respond, requests.get())


def _next(engine: Engine, requests: "queue.SimpleQueue[Header]") -> Header:
    try:
        return requests.get(timeout=_IDLE_SECONDS)
    except queue.Empty:
        _release_memory(engine)
        return requests.get()


def _release_memory(engine: Engine) -> None:
    """Release memory that is only needed during synthesis: the engine's own, and free blocks that the allocator holds."""
    if isinstance(engine, IdleEngine):
        engine.release_memory()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # in glibc, not in musl
        libc.malloc_trim(0)


def _aligned(engine: Engine, model: Path, threads: int) -> Engine:
    from echo_synthesis.timing.recogniser_alignment import AlignedEngine

    return AlignedEngine(engine, model, threads)


def _handle_request(engine: Engine, header: Header, preparation: Iterator[None]) -> bytes:
    number = header["number"]
    if "prepare" in header:
        return pack({"number": number, "more": _prepares(preparation)})
    try:
        utterance, started_ns = utterance_from_header(header), time.time_ns()
        speech = engine.speak(utterance)
        return pack_speech(number, speech, (started_ns, time.time_ns()))
    except VoiceNotFoundError as error:
        return pack({"number": number, "error": "voice", "message": error.message})
    except EngineUnavailableError as error:
        kind = "provider" if isinstance(error, ProviderFailedError) else "unavailable"
        return pack({"number": number, "error": kind, "message": error.message, "retry_after": error.retry_after})
    except Exception as error:
        return pack({"number": number, "error": "failed", "message": f"{type(error).__name__}: {error}"})


def _prepares(preparation: Iterator[None]) -> bool:
    """Make one step; return whether there may be another. An error ends the preparation: a request shows it again."""
    with suppress(Exception):
        next(preparation)
        return True
    return False


def _receive(source: BinaryIO, requests: queue.SimpleQueue[Header]) -> None:
    while len(prefix := source.read(PREFIX.size)) == PREFIX.size:
        length, _ = PREFIX.unpack(prefix)
        requests.put(json.loads(source.read(length)))
    # the parent ended or closed stdin; exit at once, because the engine may be busy or hang
    os._exit(0)


def _send(out: BinaryIO, frame: bytes) -> None:
    out.write(frame)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
