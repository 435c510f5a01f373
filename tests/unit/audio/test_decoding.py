"""Audio files are decoded with all their channels."""

from pathlib import Path

import av
import numpy as np
import pytest

from echo_common.audio_files.decoding import open_audio


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1"])
def test_each_channel_has_its_own_samples(layout: str, tmp_path: Path) -> None:
    channels = len(av.AudioLayout(layout).channels)
    levels = np.arange(1, channels + 1, dtype=np.int16) << 11
    with av.open(str(tmp_path / "sound"), "w", format="flac") as file:
        stream = file.add_stream("flac", rate=48_000, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.tile(levels, 4_608)[None], format="s16", layout=layout)
        frame.sample_rate = 48_000
        file.mux([*stream.encode(frame), *stream.encode(None)])
    with open_audio(tmp_path / "sound", "flac", 1) as audio:
        sound = np.concatenate(list(audio.blocks()), axis=1)
    assert sound.shape == (channels, 4_608)
    assert np.array_equal(sound, np.broadcast_to(levels[:, None] / np.float32(32_768), sound.shape))
