"""The gapless stream of tracks: joints, skipped tracks, bounded resources."""

import asyncio
import io
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from echo_common.audio.encoding import FULL_SCALE
from echo_common.audio.formats import FORMATS
from echo_common.errors import ServiceUnavailableError
from echo_common.http.proxy_options import TooManyOpenError
from echo_common.scratch import Scratch
from echo_common.storage.filesystem import FolderStorage
from echo_listening.streams.decoder import SandboxedTrackDecoder, TrackDecoder
from echo_listening.streams.encoding import encode
from echo_listening.streams.joining import OpenStreams, StreamedTrack, TrackJoiner
from echo_listening.streams.samples import RATE, Samples
from tests.support import music
from tests.support.recordings import encoded, wav

SONG = music.song(110, 2, 1, seconds=1.5)
_STEP = 1 / FULL_SCALE


@pytest.fixture
def objects(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "objects")


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    with Scratch.open(tmp_path / "scratch", "test") as opened:
        yield opened


@pytest.fixture
def joiner(objects: FolderStorage, scratch: Scratch) -> TrackJoiner:
    return TrackJoiner(objects, SandboxedTrackDecoder(), scratch, OpenStreams(2, 2))


async def stored(objects: FolderStorage, *contents: bytes) -> list[StreamedTrack]:
    tracks = []
    for number, content in enumerate(contents):
        key = f"audio/{number}"
        await objects.put(key, content, "audio/wav")
        tracks.append(StreamedTrack(f"track_{number}", key, "audio/wav", len(content), None))
    return tracks


def sine(seconds: float, hertz: float, rate: int = RATE, phase: float = 0.0) -> music.Sound:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate + phase)).astype(np.float32)


async def joined(joiner: TrackJoiner, tracks: Sequence[StreamedTrack]) -> tuple[Samples, list[tuple[str, str]]]:
    skipped: list[tuple[str, str]] = []

    async def skip(track: StreamedTrack, code: str) -> None:
        skipped.append((track.track_id, code))

    blocks = [block async for block in joiner.join("usr_ada", tracks, skip)]
    return np.concatenate([np.zeros((2, 0), np.float32), *blocks], axis=1), skipped


def heard(data: bytes) -> Samples:
    """Return the samples of both channels as a player decodes them."""
    with av.open(io.BytesIO(data), "r") as container:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)] + resampler.resample(None)
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


async def streamed(joiner: TrackJoiner, tracks: Sequence[StreamedTrack], name: str) -> bytes:
    return b"".join([block async for block in encode(joiner.join("usr_ada", tracks), FORMATS[name])])


@pytest.mark.parametrize("name", ["wav", "flac"])
async def test_a_recording_in_three_parts_is_the_recording(name: str, joiner: TrackJoiner, objects: FolderStorage) -> None:
    whole = sine(2, 330)
    parts = np.split(whole, [30_001, 61_003])
    data = await streamed(joiner, await stored(objects, *(wav(part, RATE) for part in parts)), name)

    samples = heard(data)

    assert samples.shape == (2, len(whole))
    assert np.abs(samples - whole).max() < 2 * _STEP


@pytest.mark.parametrize(("name", "delay"), [("mp3", 3 * 1152), ("ogg", 0), ("aac", 4 * 1024)])
async def test_joints_of_lossy_streams_have_no_click(
    name: str, delay: int, joiner: TrackJoiner, objects: FolderStorage
) -> None:
    whole = sine(1.5, 330)
    tracks = await stored(objects, *(wav(part, RATE) for part in np.split(whole, [30_001, 51_003])))

    samples = heard(await streamed(joiner, tracks, name))

    assert len(whole) <= samples.shape[1] <= len(whole) + delay
    middle = samples[0, 8_000:64_000]
    # a gap or a click breaks the recurrence of a sine: x[n + 1] = 2 cos(w) x[n] - x[n - 1]
    error = middle[2:] - 2 * np.cos(2 * np.pi * 330 / RATE) * middle[1:-1] + middle[:-2]
    assert np.abs(error).max() < 0.01


@pytest.mark.parametrize(
    ("container", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libopus")]
)
async def test_no_format_adds_silence_between_tracks(
    container: str, codec: str, joiner: TrackJoiner, objects: FolderStorage
) -> None:
    sound = encoded(SONG, container, codec)
    samples, skipped = await joined(joiner, await stored(objects, sound, sound))

    assert not skipped
    assert samples.shape[1] == pytest.approx(2 * len(SONG) * RATE / music.RATE, abs=4)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
async def test_tracks_of_other_rates_are_joined_without_a_click(rate: int, joiner: TrackJoiner, objects: FolderStorage) -> None:
    # whole periods, so that the sine continues at the joint
    tracks = await stored(objects, wav(sine(1, 200, rate), rate), wav(sine(1, 200), RATE))
    samples, _ = await joined(joiner, tracks)

    assert samples.shape[1] == pytest.approx(2 * RATE, abs=1)
    near = samples[0, RATE - 500 : RATE + 500]
    assert np.abs(np.diff(near)).max() < 0.1


async def test_left_and_right_stay_apart(joiner: TrackJoiner, objects: FolderStorage) -> None:
    left, right = sine(1, 200), sine(1, 300)
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as target:
        stream = target.add_stream("flac", rate=RATE, layout="stereo")
        values = np.rint(np.stack([left, right], axis=1) * FULL_SCALE).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(values, format="s16", layout="stereo")
        frame.sample_rate = RATE
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))

    samples = heard(await streamed(joiner, await stored(objects, file.getvalue()), "wav"))

    assert np.abs(samples - np.stack([left, right])).max() < 2 * _STEP


async def test_a_stream_starts_in_the_middle_of_a_track(joiner: TrackJoiner, objects: FolderStorage) -> None:
    whole = sine(2, 330)
    [track] = await stored(objects, wav(whole, RATE))
    begun = StreamedTrack(track.track_id, track.object_key, track.mime, track.size, 2.0, offset=1.25)
    samples, _ = await joined(joiner, [begun])
    assert np.abs(samples[0] - whole[60_000:]).max() < 2 * _STEP

    past = StreamedTrack(track.track_id, track.object_key, track.mime, track.size, 2.0, offset=2.5)
    samples, skipped = await joined(joiner, [past, track])
    assert samples.shape[1] == len(whole)
    assert not skipped


async def test_damaged_missing_and_silent_tracks_are_skipped_and_named(joiner: TrackJoiner, objects: FolderStorage) -> None:
    first, text, damaged, last = await stored(
        objects, wav(sine(0.5, 330), RATE), b"Dear diary\n" * 100, b"fLaC" + bytes(3_000), wav(sine(0.5, 440), RATE)
    )
    missing = StreamedTrack("track_missing", "audio/none", "audio/wav", 10, 1.0)
    spotify = StreamedTrack("track_spotify", None, None, None, 180.0)

    samples, skipped = await joined(joiner, [first, missing, text, spotify, damaged, last])

    assert samples.shape[1] == RATE
    assert skipped == [
        ("track_missing", "TRACK_WITHOUT_AUDIO"),
        ("track_1", "TRACK_NOT_AUDIO"),
        ("track_spotify", "TRACK_WITHOUT_AUDIO"),
        ("track_2", "TRACK_NOT_AUDIO"),
    ]


async def test_the_rest_of_a_track_that_is_damaged_in_the_middle_is_skipped(
    joiner: TrackJoiner, objects: FolderStorage
) -> None:
    sound = bytearray(encoded(music.song(110, 2, 1, seconds=20), "flac", "flac"))
    sound[len(sound) // 2 :] = bytes(len(sound) - len(sound) // 2)
    tracks = await stored(objects, bytes(sound), wav(sine(1, 330), RATE))

    samples, skipped = await joined(joiner, tracks)

    assert skipped in ([], [("track_0", "TRACK_NOT_AUDIO")])
    assert samples.shape[1] > 5 * RATE
    assert np.abs(samples[0, -RATE:] - sine(1, 330)).max() < 2 * _STEP


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


async def test_a_listener_who_leaves_ends_the_decoders(joiner: TrackJoiner, objects: FolderStorage, scratch: Scratch) -> None:
    tracks = await stored(objects, *(wav(sine(30, 330), RATE) for _ in range(3)))
    others = _children()
    stream = encode(joiner.join("usr_ada", tracks), FORMATS["mp3"])
    await anext(stream)
    children = _children() - others
    assert children

    await stream.aclose()

    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not list(scratch.path.glob("stream-*"))


async def test_a_cancelled_request_ends_the_decoders(joiner: TrackJoiner, objects: FolderStorage, scratch: Scratch) -> None:
    tracks = await stored(objects, *(wav(sine(30, 330), RATE) for _ in range(2)))
    others, begun = _children(), asyncio.Event()

    async def listen() -> None:
        async with aclosing(encode(joiner.join("usr_ada", tracks), FORMATS["mp3"])) as stream:
            async for _ in stream:
                begun.set()
                await asyncio.sleep(0)

    listening = asyncio.create_task(listen())
    await asyncio.wait({listening, asyncio.create_task(begun.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert not listening.done()
    children = _children() - others
    listening.cancel()
    await asyncio.wait({listening})

    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not list(scratch.path.glob("stream-*"))


class CountingDecoder(TrackDecoder):
    """A decoder of nothing but a short sound, which counts what is open."""

    def __init__(self) -> None:
        self.open = self.most = self.started = 0

    async def decode(self, path: Path, offset: float = 0.0) -> AsyncGenerator[Samples, None]:
        self.open += 1
        self.started += 1
        self.most = max(self.most, self.open)
        try:
            yield np.zeros((2, 10), np.float32)
        finally:
            self.open -= 1


async def test_five_thousand_tracks_are_read_two_at_a_time(objects: FolderStorage, scratch: Scratch) -> None:
    [track] = await stored(objects, b"sound")
    decoder = CountingDecoder()
    most_files = total = 0

    async with aclosing(
        TrackJoiner(objects, decoder, scratch, OpenStreams(2, 2)).join("usr_ada", (track for _ in range(5_000)))
    ) as samples:
        async for block in samples:
            total += block.shape[1]
            if decoder.started % 100 == 0:
                most_files = max(most_files, len(list(scratch.path.glob("stream-*/*"))))

    assert total == 50_000
    assert decoder.most <= 2
    assert most_files <= 2
    assert decoder.open == 0


async def test_bytes_leave_before_later_tracks_are_read(objects: FolderStorage, scratch: Scratch) -> None:
    [track] = await stored(objects, b"sound")
    decoder = CountingDecoder()
    async with aclosing(
        encode(TrackJoiner(objects, decoder, scratch, OpenStreams(2, 2)).join("usr_ada", [track] * 10), FORMATS["wav"])
    ) as stream:
        await anext(stream)
        assert decoder.started <= 2

    assert decoder.open == 0


async def test_streams_of_a_user_beyond_the_limit_are_refused(objects: FolderStorage, scratch: Scratch) -> None:
    [track] = await stored(objects, b"sound")
    joiner = TrackJoiner(objects, CountingDecoder(), scratch, OpenStreams(3, 1))
    async with aclosing(joiner.join("usr_ada", [track] * 3)) as first:
        await anext(first)
        with pytest.raises(TooManyOpenError):
            await anext(joiner.join("usr_ada", [track]))
        async with aclosing(joiner.join("usr_eve", [track])) as other:
            await anext(other)

    assert (await joined(joiner, [track]))[0].shape[1] == 10


async def test_streams_beyond_the_limit_are_refused_until_one_ends(objects: FolderStorage, scratch: Scratch) -> None:
    [track] = await stored(objects, b"sound")
    joiner = TrackJoiner(objects, CountingDecoder(), scratch, OpenStreams(1, 2))
    async with aclosing(joiner.join("usr_ada", [track] * 3)) as first:
        await anext(first)
        with pytest.raises(ServiceUnavailableError):
            await anext(joiner.join("usr_ada", [track]))

    assert (await joined(joiner, [track]))[0].shape[1] == 10
