"""Cloned speech has the watermark wherever it leaves, while the system setting permits; other speech never has it."""

from typing import Any

import numpy as np

from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.system_settings import WATERMARK
from echo_common.contracts.values import AudioFormat
from echo_common.live_settings import LiveSettings
from echo_synthesis.audio.decode import decode
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.usecases.speech import stream_speech, synthesize
from tests.integration.synthesis.test_provenance import ALICE, CLONE, Kept, bytes_of, cloned, kept, marks, verified
from tests.support.recordings import wav
from tests.support.segments import replaced, segments_of
from tests.support.synthesis_replica import Replica

__all__ = ["kept"]
TEXT = "A tone-hiss sentence that lasts for more than four seconds, so that it can be recognised."
"""Noise: the beeps of the test engine have too few frequencies for the watermark."""


def ask(voice: str = CLONE, output_format: AudioFormat = AudioFormat.WAV, **config: Any) -> SynthesizeRequest:
    return SynthesizeRequest(text=TEXT, voice_id=voice, config=SpeechConfig(output_format=output_format, **config))


def copied(data: bytes, mime: str = "audio/wav") -> bytes:
    """Return the sound as another file, without its manifest."""
    return wav(*decode(data, mime))


async def streamed(deps: Dependencies, voice: str = CLONE) -> bytes:
    parts = await stream_speech(ask(voice, AudioFormat.MP3), ALICE, deps)
    return b"".join([part.audio async for part in parts])


async def test_copies_of_stored_cloned_speech_are_recognised(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        for output_format in (AudioFormat.WAV, AudioFormat.MP3, AudioFormat.OGG, AudioFormat.AAC):
            audio = await synthesize(ask(output_format=output_format), ALICE, deps)
            found = await verified(kept(copied(await bytes_of(audio, deps), audio.mime)), deps)
            assert marks(found) == {"watermark": "genuine"}
            assert (found.generated_here, found.cloned) == (True, True)
            assert (found.created_at, found.origin) == (None, None)


async def test_files_have_all_marks(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        audio = await synthesize(ask(), ALICE, deps)
        found = await verified(kept(await bytes_of(audio, deps)), deps)
        assert marks(found) == {"checksum": "genuine", "manifest": "genuine", "watermark": "genuine"}
        assert found.origin is not None


async def test_copies_of_streams_are_recognised_at_another_replica(replica: Replica, kept: Kept) -> None:
    async with replica() as deps, replica() as other:
        await cloned(deps)
        assert marks(await verified(kept(copied(await streamed(deps), "audio/mpeg")), other)) == {"watermark": "genuine"}


async def test_pitch_and_volume_are_changed_before_marking(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        audio = await synthesize(ask(pitch=1.3, volume=0.4, speed=1.2), ALICE, deps)
        assert marks(await verified(kept(copied(await bytes_of(audio, deps))), deps)) == {"watermark": "genuine"}


async def test_every_segment_of_a_revision_has_the_watermark(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        request = ask(output_format=AudioFormat.MP3).model_copy(update={"text": f"{TEXT} {TEXT}"})
        audio = await replaced(await synthesize(request, ALICE, deps), 1, deps)
        samples, rate = decode(await bytes_of(audio, deps), audio.mime)
        first, _ = await segments_of(audio, deps)
        for part in np.split(samples, [first.segment.samples]):
            assert marks(await verified(kept(wav(part, rate)), deps)) == {"watermark": "genuine"}


async def test_built_in_voices_have_no_watermark(replica: Replica, kept: Kept) -> None:
    async with replica(mark="all") as deps:
        audio = await synthesize(ask("tone_low"), ALICE, deps)
        assert marks(await verified(kept(copied(await bytes_of(audio, deps))), deps)) == {}
        assert marks(await verified(kept(copied(await streamed(deps, "tone_low"), "audio/mpeg")), deps)) == {}


async def test_cached_speech_follows_the_setting(replica: Replica, kept: Kept) -> None:
    settings = LiveSettings({WATERMARK.key: False})
    async with replica(live_settings=settings) as deps:
        await cloned(deps)
        unmarked = await synthesize(ask(), ALICE, deps)
        settings.replace({})
        audio = await synthesize(ask(), ALICE, deps)
        settings.replace({WATERMARK.key: False})
        again = await synthesize(ask(), ALICE, deps)

        assert audio.cached_units == again.cached_units == audio.units
        assert marks(await verified(kept(copied(await bytes_of(unmarked, deps))), deps)) == {}
        assert marks(await verified(kept(copied(await bytes_of(audio, deps))), deps)) == {"watermark": "genuine"}
        assert marks(await verified(kept(copied(await bytes_of(again, deps))), deps)) == {}


async def test_word_times_are_those_of_unmarked_speech(replica: Replica) -> None:
    settings = LiveSettings({WATERMARK.key: False})
    async with replica(live_settings=settings) as deps:
        await cloned(deps)
        unmarked = await synthesize(ask(), ALICE, deps)
        settings.replace({})
        audio = await synthesize(ask(), ALICE, deps)
        assert (audio.words, audio.duration) == (unmarked.words, unmarked.duration)
