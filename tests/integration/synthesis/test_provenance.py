"""Cloned speech is traceable in every format, also after its deletion."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.events.voice import VoiceModelReady
from echo_common.contracts.http.provenance import Verification
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.system_settings import WATERMARK
from echo_common.contracts.values import AudioFormat, JobStatus, Plan, Role
from echo_common.live_settings import LiveSettings
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio
from echo_synthesis.provenance.recorder import CertificateError
from echo_synthesis.provenance.signers import generate
from echo_synthesis.usecases.audio import delete_audio, find_audio
from echo_synthesis.usecases.jobs import queue_job
from echo_synthesis.usecases.speech import stream_speech, synthesize
from echo_synthesis.usecases.verify import verify
from echo_synthesis.views import verification
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE, MALLORY = principal_of("usr_alice"), principal_of("usr_mallory")
ADMIN = Principal("usr_admin", "ses_1", Plan.USER, Role.ADMIN, frozenset(Scope))
CLONE = "vm_ada"
Kept = Callable[[bytes], Path]


@pytest.fixture
def replica(replica: Replica) -> Replica:
    """Replicas without the watermark, which may or may not be found in the few frequencies of beeps."""
    return partial(replica, live_settings=LiveSettings({WATERMARK.key: False}))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Return bytes as an upload."""

    def keep(data: bytes) -> Path:
        folder = tmp_path / f"upload-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "upload").write_bytes(data)
        return folder / "upload"

    return keep


async def cloned(deps: Dependencies) -> None:
    fact = VoiceModelReady(
        voice_model_id=CLONE,
        job_id="job_1",
        user_id=ALICE.user_id,
        revision=1,
        name="Ada",
        provider="tone",
        engine="tone",
        reference="tone_low",
        language="en-US",
        gender="neutral",
        public=True,
        shared_with=(),
        usable=True,
    )
    await deps.clones.apply(fact)


def ask(voice: str = CLONE, output_format: AudioFormat = AudioFormat.WAV) -> SynthesizeRequest:
    return SynthesizeRequest(text="Hello there.", voice_id=voice, config=SpeechConfig(output_format=output_format))


async def bytes_of(audio: Audio, deps: Dependencies) -> bytes:
    return b"".join([block async for block in deps.objects.read(audio.object_key)])


async def verified(path: Path, deps: Dependencies, principal: Principal = ADMIN) -> Verification:
    return verification(await verify(path, deps), principal)


def marks(found: Verification) -> dict[str, str]:
    return {mark.kind: mark.verdict for mark in found.marks}


async def test_files_of_cloned_voices_are_recognised_in_every_format(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        for output_format in AudioFormat:
            audio = await synthesize(ask(output_format=output_format), ALICE, deps)
            data = await bytes_of(audio, deps)
            found = await verified(kept(data), deps)

            signed = output_format in {AudioFormat.WAV, AudioFormat.MP3, AudioFormat.FLAC}
            assert marks(found) == {"checksum": "genuine", **({"manifest": "genuine"} if signed else {})}
            assert (found.generated_here, found.cloned, found.checksum) == (True, True, audio.checksum)
            assert len(data) == audio.size
            assert found.origin is not None
            assert (found.origin.user_id, found.origin.voice_id) == (ALICE.user_id, CLONE)
            assert (found.origin.audio_id, found.origin.synthesis_id) == (audio.id, audio.synthesis_id)


async def test_origins_are_visible_only_to_administrators_and_the_owner(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        job = await queue_job("Hello there.", CLONE, SpeechConfig(), ALICE, deps)
        deps.worker.wake()

        async def done() -> bool:
            return (await deps.jobs.get(job.id)).status is JobStatus.COMPLETED

        await eventually(done, within=30)
        audio = await find_audio(str((await deps.jobs.get(job.id)).audio_id), ALICE, deps)
        file = kept(await bytes_of(audio, deps))
        for principal in (ADMIN, ALICE):
            origin = (await verified(file, deps, principal)).origin
            assert origin is not None
            assert (origin.job_id, origin.user_id) == (job.id, ALICE.user_id)
        for_others = await verified(file, deps, MALLORY)
        assert (for_others.generated_here, for_others.cloned, for_others.origin) == (True, True, None)
        assert ALICE.user_id not in for_others.model_dump_json()


async def test_changed_files_are_not_genuine_but_administrators_see_their_origin(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        audio = await synthesize(ask(), ALICE, deps)
        data = bytearray(await bytes_of(audio, deps))
        data[1_000] ^= 1
        found = await verified(kept(bytes(data)), deps)
        assert (found.generated_here, found.cloned, found.created_at) == (False, None, None)
        assert marks(found) == {"manifest": "changed"}
        assert found.origin is not None
        assert found.origin.audio_id == audio.id


async def test_streams_have_no_manifest_and_are_recognised_by_checksum(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        parts = await stream_speech(ask(output_format=AudioFormat.MP3), ALICE, deps)
        file = kept(b"".join([part.audio async for part in parts]))
        found = await verified(file, deps)
        assert marks(found) == {"checksum": "genuine"}
        assert found.origin is not None
        assert (found.origin.user_id, found.origin.audio_id) == (ALICE.user_id, None)


async def test_deleted_audio_remains_traceable(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        await cloned(deps)
        audio = await synthesize(ask(), ALICE, deps)
        file = kept(await bytes_of(audio, deps))
        await delete_audio(audio.id, ALICE.user_id, deps)
        found = await verified(file, deps)
        assert found.generated_here
        assert found.origin is not None
        assert found.origin.user_id == ALICE.user_id


async def test_built_in_voices_are_marked_if_configured(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        audio = await synthesize(ask("tone_low"), ALICE, deps)
        found = await verified(kept(await bytes_of(audio, deps)), deps)
        assert (marks(found), found.cloned) == ({"checksum": "genuine"}, False)
    async with replica(mark="all") as deps:
        audio = await synthesize(ask("tone_low"), ALICE, deps)
        found = await verified(kept(await bytes_of(audio, deps)), deps)
        assert (marks(found), found.cloned) == ({"checksum": "genuine", "manifest": "genuine"}, False)


async def test_foreign_files_are_not_recognised(replica: Replica, kept: Kept) -> None:
    async with replica() as deps:
        found = await verified(kept(b"RIFF\xff\xff\xff\xffWAVEC2PA\xff\xff\xff\x7f" + bytes(1_000)), deps)
        assert (found.generated_here, marks(found), found.origin) == (False, {"manifest": "unreadable"}, None)
        found = await verified(kept(b"Dear Ada"), deps)
        assert (found.generated_here, found.marks, found.origin) == (False, [], None)


async def test_files_signed_by_another_replica_are_recognised(replica: Replica, kept: Kept, tmp_path: Path) -> None:
    own = generate()
    (tmp_path / "chain.pem").write_bytes(own.chain)
    (tmp_path / "key.pem").write_bytes(own.key)
    async with (
        replica() as first,
        replica(c2pa_certificate=tmp_path / "chain.pem", c2pa_key=tmp_path / "key.pem") as second,
    ):
        await cloned(first)
        for here, there in ((first, second), (second, first)):
            audio = await synthesize(ask(), ALICE, here)
            file = kept(await bytes_of(audio, here))
            assert marks(await verified(file, there))["manifest"] == "genuine"


async def test_invalid_certificates_are_detected_at_the_start(replica: Replica, tmp_path: Path) -> None:
    own, other = generate(), generate()
    (tmp_path / "chain.pem").write_bytes(own.chain)
    (tmp_path / "key.pem").write_bytes(other.key)
    for key in ("key.pem", "chain.pem", "nowhere.pem"):
        with pytest.raises(CertificateError, match="ECHO_SYNTHESIS_C2PA_CERTIFICATE"):
            async with replica(c2pa_certificate=tmp_path / "chain.pem", c2pa_key=tmp_path / key):
                pass
