"""The sandboxed analysis of files: formats, limits, and files that are no audio."""

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echo_common.contracts.errors.tracks import TrackNotAudioError
from echo_common.sandbox import run_sandboxed
from echo_listening.domain.features import TrackFeatures
from echo_listening.feature_analyser import FeatureAnalysisFailedError
from echo_listening.features import analyser as analyser_module
from echo_listening.features.analyser import SandboxedFeatureAnalyser
from echo_listening.settings import ListeningSettings
from tests.support import music
from tests.support.recordings import encoded, video, wav

SONG = music.song(110, 2, 1, seconds=8)


def analyser(**settings: Any) -> SandboxedFeatureAnalyser:
    return SandboxedFeatureAnalyser(ListeningSettings(**settings))


async def analysed(content: bytes, folder: Path, **settings: Any) -> TrackFeatures:
    path = folder / "audio"
    path.write_bytes(content)
    return await analyser(**settings).analyse(path)


def stereo(left: music.Sound, right: music.Sound, rate: int = 44_100) -> bytes:
    """Return a WAV file of 24 bits with two channels."""
    values = np.rint(np.stack([left, right], axis=1) * 0x7FFFFF).astype("<i4")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 3, rate, 0, "NONE", ""))
        writer.writeframes(values.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    return file.getvalue()


def float_wav(values: music.Sound) -> bytes:
    data = values.astype("<f4").tobytes()
    head = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = b"".join(
        number.to_bytes(size, "little")
        for number, size in ((3, 2), (1, 2), (music.RATE, 4), (4 * music.RATE, 4), (4, 2), (32, 2))
    )
    return head + form + b"data" + len(data).to_bytes(4, "little") + data


@pytest.mark.parametrize(
    ("container", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libopus"), ("ipod", "aac")]
)
async def test_all_formats_have_the_same_features(container: str, codec: str, tmp_path: Path) -> None:
    features = await analysed(encoded(SONG, container, codec), tmp_path)

    assert (features.key, features.mode) == (2, 1)
    assert features.tempo == pytest.approx(110, rel=0.02)
    assert features.analysed_seconds == pytest.approx(8, abs=0.1)


async def test_stereo_of_another_rate_and_the_sound_of_a_video_are_analysed(tmp_path: Path) -> None:
    faster = 110 * 44_100 / music.RATE
    features = await analysed(stereo(SONG, SONG), tmp_path)
    assert features.tempo == pytest.approx(faster, rel=0.02)
    assert (await analysed(video(SONG), tmp_path)).tempo == pytest.approx(110, rel=0.02)


async def test_an_hour_is_analysed_up_to_the_limit(tmp_path: Path) -> None:
    minute = encoded(music.song(120, 0, 1, seconds=60), "mp3", "libmp3lame")
    features = await analysed(60 * minute, tmp_path, analysed_seconds=20, analysis_seconds=20)

    assert features.analysed_seconds == 20
    assert features.tempo == pytest.approx(120, rel=0.02)


async def test_values_that_are_not_finite_are_silence(tmp_path: Path) -> None:
    sound = SONG.copy()
    sound[1_000:2_000], sound[5_000], sound[6_000] = np.nan, np.inf, -np.inf
    features = await analysed(float_wav(sound), tmp_path)
    assert (features.key, features.mode) == (2, 1)

    assert (await analysed(float_wav(np.full(music.RATE, np.nan, np.float32)), tmp_path)).loudness is None


@pytest.mark.parametrize(
    "content", [b"", b"Dear diary\n" * 100, b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC" + bytes(3_000), wav(SONG)[:44]]
)
async def test_files_that_are_no_audio_are_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(TrackNotAudioError):
        await analysed(content, tmp_path)


async def test_an_analysis_that_exceeds_its_processor_time_fails(tmp_path: Path) -> None:
    path = tmp_path / "audio"
    path.write_bytes(wav(np.tile(SONG, 40)))
    limited = analyser().settings.model_copy(update={"analysis_seconds": 1})
    with pytest.raises(FeatureAnalysisFailedError):
        await SandboxedFeatureAnalyser(limited).analyse(path)


@pytest.mark.parametrize(
    "response",
    [
        None,
        {},
        {"features": None},
        {"features": {"energy": 2.0}},
        {"features": {"tempo": "120"}},
        {"features": {"key": 12}},
    ],
)
async def test_results_of_a_process_are_not_trusted(
    response: dict[str, Any] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def respond(*_: object, **__: object) -> dict[str, Any] | None:
        return response

    monkeypatch.setattr(analyser_module, run_sandboxed.__name__, respond)
    with pytest.raises(FeatureAnalysisFailedError):
        await analysed(wav(SONG), tmp_path)
