"""Listener of one conversation: `python -m echo_voice.talk.listening_process INPUT OUTPUT THRESHOLD SILENCE LONGEST MEMORY`.

A process of its own, because it decodes untrusted audio with libraries in C. Reads requests as lines of JSON and answers each
with one; ends with its parent.
"""

import base64
import json
import signal
import sys
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from echo_common.contracts.http.talk import TalkFormat
from echo_common.sandbox import claim_stdout, die_with_parent, enter_sandbox
from echo_voice.talk.codecs import LISTENING_RATE, MalformedAudioError, Samples
from echo_voice.talk.detector import SpeechEnded, VoiceActivity
from echo_voice.talk.echo_canceller import EchoCanceller
from echo_voice.talk.listener import Heard, Listener


def main(listener: Listener, memory: int) -> None:
    """Handle requests in sequence until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    out = claim_stdout()
    _load_libraries()
    enter_sandbox(memory=memory, seconds=None, written=0)
    out.write(b"{}\n")
    out.flush()
    while line := sys.stdin.buffer.readline():
        out.write(json.dumps(_answer(listener, json.loads(line))).encode() + b"\n\n")
        out.flush()


def _load_libraries() -> None:
    canceller = EchoCanceller()
    canceller.play(np.full(LISTENING_RATE // 50, 0.1, np.float32))
    canceller.process(np.zeros(LISTENING_RATE // 50, np.float32))


def _answer(listener: Listener, request: Mapping[str, Any]) -> Mapping[str, object]:
    if "hear" in request:
        try:
            return _describe(listener.hear(base64.b64decode(request["hear"])))
        except MalformedAudioError as error:
            return {"malformed": str(error)}
    if "play" in request:
        listener.play(base64.b64decode(request["play"]))
    elif "stop" in request:
        listener.stop_playing()
    else:
        so_far = listener.utterance
        return {"pcm": _encode(np.zeros(0, np.float32) if so_far is None else so_far)}
    return {}


def _describe(heard: Heard) -> Mapping[str, object]:
    events = [{"pcm": _encode(event.samples)} if isinstance(event, SpeechEnded) else "started" for event in heard.events]
    return {"seconds": heard.seconds, "events": events}


def _encode(samples: Samples) -> str:
    return base64.b64encode(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()).decode()


if __name__ == "__main__":
    given, spoken, threshold, silence, longest, memory = sys.argv[1:]
    chosen = VoiceActivity(float(threshold), float(silence), float(longest))
    main(Listener(cast("TalkFormat", given), cast("TalkFormat", spoken), chosen), int(memory))
