"""Training process: `python -m echo_voice.providers.local JSON`; reports progress and the result as JSON lines on stdout."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from echo_common.audio.style_file import STYLE, VoiceStyle
from echo_common.errors import is_disk_full
from echo_voice.analysis.judge import PackagedJudge
from echo_voice.cloning.decoder import KokoroDecoder
from echo_voice.cloning.encoders.resemblyzer import Resemblyzer
from echo_voice.cloning.failure import CloningError
from echo_voice.cloning.objective import Encoders, mean_embedding, similarity_to
from echo_voice.cloning.pitch import median_pitch
from echo_voice.cloning.sentences import UNSEEN
from echo_voice.cloning.speech_quality import check
from echo_voice.cloning.stock import stock_embeddings
from echo_voice.cloning.training import Progress, TrainingConfig, train
from echo_voice.domain.rhythm import Rhythm
from echo_voice.providers.local import MODEL
from echo_voice.similarity import SAMPLE_RATE, VOICES, encoder_file

Floats = NDArray[np.float32]
_LONGEST_SECONDS = 120
_SAVED_EVERY = 5
_LOADING, _FITTING, _CHECKING = 2, 1, 2 * len(UNSEEN)
"""Progress of the phases beside the training, in units of about one step of it."""


def main(task: Mapping[str, Any]) -> None:
    """Train a voice model, resuming from the checkpoint if there is one."""
    started = time.monotonic()
    models, checkpoint = Path(task["models"]), Path(task["checkpoint"])
    known = {name: value for name, value in task["config"].items() if name in TrainingConfig.__dataclass_fields__}
    config = TrainingConfig(**known)
    trained_by, total = _LOADING + _FITTING, _LOADING + _FITTING + config.steps + _CHECKING
    _say(step=0, steps=total, note="loading the models")
    encoders = Encoders.open(encoder_file(models).parent)
    voices = {
        path.stem: np.fromfile(path, np.float32).reshape(-1, STYLE) for path in sorted((models / VOICES).glob("[ab]*.bin"))
    }
    recordings = [_read(Path(path)) for path in task["recordings"]]
    resume = Progress.load(checkpoint) if checkpoint.exists() else None

    def report(progress: Progress) -> None:
        if progress.step % _SAVED_EVERY == 0:
            progress.save(checkpoint)
        note = f"training, step {progress.step} of {config.steps}, similarity {progress.similarity:.2f}"
        _say(step=trained_by + progress.step, steps=total, note=note)

    def save_present(style: VoiceStyle) -> None:
        present = Path(task["present"])
        written = present.with_suffix(".tmp")
        replace(style, accent=task["accent"]).save(written)
        written.replace(present)

    def judged(count: int) -> None:
        # a voice that falls short is judged again
        done = total - _CHECKING + min(count, _CHECKING - 1)
        _say(step=done, steps=total, note=f"checking the speech, sentence {count}")

    _say(step=1, steps=total, note="loading the model of the voice")
    decoder = KokoroDecoder(models / MODEL, task["threads"])
    # the transcript of a recording that was cut has more words than the rest
    transcripts = [
        text if len(recording) < _LONGEST_SECONDS * SAMPLE_RATE else None
        for recording, text in zip(recordings, task["transcripts"], strict=True)
    ]
    rhythms = [None if known is None else Rhythm(**known) for known in task["rhythms"]]
    _say(step=_LOADING, steps=total, note="fitting pitch and rhythm")
    try:
        trained = train(
            recordings,
            voices,
            decoder,
            encoders,
            config,
            progress=report,
            improved=save_present,
            resume=resume,
            transcripts=transcripts,
            rhythms=rhythms,
        )
    except CloningError as error:
        _say(failed=str(error))
        return
    decoder.discard_gradient()
    _say(step=total - _CHECKING, steps=total, note="checking the speech")
    target = mean_embedding(recordings, encoders.held_out)
    nearest, similarity = float(encoders.stock[trained.stock] @ target), similarity_to(target, encoders.held_out)
    pitch = median_pitch(recordings)
    checked = check(trained, pitch, nearest, decoder.synthesize, PackagedJudge(), similarity, judged)
    replace(checked.voice, accent=task["accent"]).save(Path(task["style"]))
    quality = checked.quality
    _say(
        made={
            "gender": _gender(recordings, encoders.resemblyzer, voices),
            "seconds": round(time.monotonic() - started, 1),
            "similarity": round(quality.similarity, 4),
            "nearest_stock": round(checked.nearest_stock, 4),
            "word_errors": None if quality.word_errors is None else round(quality.word_errors, 4),
            "mos": None if quality.mos is None else round(quality.mos, 2),
        }
    )


def _gender(recordings: Sequence[Floats], encoder: Resemblyzer, voices: Mapping[str, Floats]) -> str:
    """Return the gender of the nearest built-in voice."""
    target = mean_embedding(recordings, encoder)
    stock = {name: float(vector @ target) for name, vector in stock_embeddings().items() if name in voices}
    return {"f": "female", "m": "male"}.get(max(stock, key=lambda name: stock[name])[1], "neutral")


def _read(path: Path) -> Floats:
    with av.open(str(path), format="flac") as container:
        stream = container.streams.audio[0]
        blocks = [np.asarray(frame.to_ndarray(), np.float32) for frame in container.decode(stream)]
        rate = stream.rate
    sound = np.concatenate(blocks, axis=1)[0] / np.float32(32768)
    return np.asarray(soxr.resample(sound, rate, SAMPLE_RATE), np.float32)[: _LONGEST_SECONDS * SAMPLE_RATE]


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)  # noqa: T201


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except OSError as error:
        if not is_disk_full(error):
            raise
        _say(disk_full=True)
