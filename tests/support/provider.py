"""A local speech provider with a real wire format and scripted faults."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

from echo_synthesis.engine import Utterance
from echo_synthesis.engines.tone import SAMPLE_RATE as BEEP_RATE
from echo_synthesis.engines.tone.beeper import Beeper
from echo_synthesis.text.words import find_words


@dataclass
class Asked:
    """A received request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Reply:
    """A response that is written completely, in chunks, or cut off."""

    def __init__(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        self._handler = handler
        self.asked = asked

    def whole(self, body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> None:
        self._start(status, {"content-type": kind, "content-length": str(len(body)), **headers})
        self._handler.wfile.write(body)

    def start(self, kind: str) -> None:
        self._start(200, {"content-type": kind, "transfer-encoding": "chunked"})

    def start_sized(self, size: int, kind: str = "application/octet-stream") -> None:
        self._start(200, {"content-type": kind, "content-length": str(size)})

    def write(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def chunk(self, data: bytes) -> None:
        self._handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self._handler.wfile.flush()

    def end(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close the connection."""
        self._handler.close_connection = True

    def wait_until_closed(self, seconds: float = 30.0) -> bool:
        """Return whether the client closes the connection within this time."""
        self._handler.connection.settimeout(seconds)
        try:
            return not self._handler.connection.recv(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in {**headers, "connection": "close"}.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()


Answer = Callable[[Reply], None]


@dataclass
class Provider:
    """A server that responds with the next entry of `script`, then with `usually`."""

    usually: Answer
    script: deque[Answer] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    at_once: int = 0
    most_at_once: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def then(self, *answers: Answer) -> None:
        self.script.extend(answers)

    def forget(self) -> None:
        self.asked.clear()
        self.script.clear()
        self.most_at_once = 0

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        target = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(handler.command, target.path, parse_qs(target.query), headers, body)
        with self._counting:
            self.asked.append(asked)
            answer = self.script.popleft() if self.script else self.usually
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer(Reply(handler, asked))
        finally:
            with self._counting:
                self.at_once -= 1

    @contextmanager
    def serving(self) -> Iterator["Provider"]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                provider.answer(self)

            do_GET = do_POST  # noqa: N815  (the base class asks for these names)

            def log_message(self, *args: object) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def beeps(text: str, speed: float = 1.0) -> tuple["np.ndarray[tuple[int], np.dtype[np.int16]]", int]:
    """Return the audio of a text and its rate: one beep per word, s16le."""
    words = tuple(find_words(text, 100))
    speech = Beeper().speak(Utterance(text, words, "tone_low", "en-US", speed))
    return np.rint(speech.samples * 32767).astype("<i2"), BEEP_RATE
