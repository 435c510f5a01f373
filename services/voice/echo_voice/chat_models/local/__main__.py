"""Process of a language model: `python -m echo_voice.chat_models.local JSON`; JSON lines from stdin, JSON lines to stdout."""

import json
import os
import queue
import secrets
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO

import xllamacpp

from echo_common.sandbox import claim_stdout, die_with_parent

_NICENESS = 5
_TOO_LONG = "exceed_context_size_error"


class Replies:
    """Writes replies until they are stopped."""

    def __init__(self, server: xllamacpp.Server, sampling: Mapping[str, float], out: BinaryIO) -> None:
        self._server = server
        self._sampling = sampling
        self._out = out
        self._stopped: set[int] = set()
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def receive(self, source: BinaryIO) -> None:
        """Receive messages until the parent ends; a stop takes effect at once, and is confirmed in its turn."""
        for line in source:
            message = json.loads(line)
            if "stop" in message:
                self._stopped.add(message["stop"])
            self._messages.put(message)
        os._exit(0)  # the model may still be writing

    def serve(self) -> None:
        """Handle messages for ever."""
        while True:
            message = self._messages.get()
            if "stop" in message:
                self._stopped.discard(message["stop"])
                _send(self._out, stopped=message["stop"])
            else:
                self._write(message)

    def _write(self, message: Mapping[str, Any]) -> None:
        number, finish, failure = message["number"], "", ""

        def pass_on(chunk: Any) -> bool:
            nonlocal finish, failure
            if "error" in chunk:
                failure = "context" if chunk["error"].get("type") == _TOO_LONG else "failed"
                return True
            for choice in chunk.get("choices") or ():
                finish = choice.get("finish_reason") or finish
                if part := choice.get("delta", {}).get("content"):
                    _send(self._out, part=part)
            return number in self._stopped

        request = {**self._sampling, "messages": message["messages"], "max_tokens": message["max_tokens"], "stream": True}
        try:
            self._server.handle_chat_completions(request, pass_on)
        except Exception:  # of the template of the model
            failure = "failed"
        _send(self._out, **({"error": failure} if failure else {"end": finish}))


def main(options: Mapping[str, Any]) -> int:
    """Load the model, report readiness, then write replies until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    os.nice(_NICENESS)
    out = claim_stdout()
    try:
        server = xllamacpp.Server(_params(options))
    except Exception as error:
        _send(out, error=type(error).__name__)
        return 1
    replies = Replies(server, options["sampling"], out)
    threading.Thread(target=replies.receive, args=(sys.stdin.buffer,), daemon=True).start()
    _send(out, ready=True)
    replies.serve()
    return 0


def _params(options: Mapping[str, Any]) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = options["file"]
    params.n_ctx = options["context_tokens"]
    params.n_parallel = 1
    params.cpuparams.n_threads = options["threads"]
    params.cpuparams_batch.n_threads = options["threads"]
    params.offline = True
    # the library serves HTTP, too, even where the process has no network
    params.api_keys = [secrets.token_urlsafe(32)]
    params.ui = False
    params.endpoint_slots = False
    return params


def _send(out: BinaryIO, **message: object) -> None:
    out.write(json.dumps(message).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
