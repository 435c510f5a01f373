"""Manifests are embedded in files, stay readable and detect changes."""

import json
from pathlib import Path

import c2pa
import numpy as np
import pytest

from echo_common.audio.formats import FORMATS
from echo_common.audio_files.formats import sniff
from echo_common.audio_files.wav_header import check_wav
from echo_common.live_settings import LiveSettings
from echo_synthesis.audio.encode import FileEncoder
from echo_synthesis.provenance.inspection import inspect, marked_type
from echo_synthesis.provenance.manifest import Found, read, sign
from echo_synthesis.provenance.recorder import SIGNABLE
from echo_synthesis.provenance.signers import Signer, generate
from echo_synthesis.provenance.watermarks import Watermarks
from tests.support.sound import decode

OURS = generate()
US = [Signer.of(OURS.chain)]
WATERMARKS = Watermarks(b"key", LiveSettings())
SIGNED = ["wav", "mp3", "flac"]


@pytest.fixture(params=SIGNED)
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a second of audio."""
    path = tmp_path / f"plain.{request.param}"
    encoder = FileEncoder(path, FORMATS[request.param], 24_000)
    encoder.feed((0.3 * np.sin(np.arange(24_000) / 12)).astype(np.float32))
    encoder.close()
    return path


@pytest.fixture
def signed(plain: Path) -> Path:
    target = plain.with_stem("signed")
    sign(plain, target, mime(plain), OURS, "org_1", cloned=True)
    return target


def mime(path: Path) -> str:
    return FORMATS[path.suffix[1:]].mime


def changed(path: Path, at: int) -> Path:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    target = path.with_stem("changed")
    target.write_bytes(data)
    return target


def cut(path: Path) -> Path:
    target = path.with_stem("cut")
    target.write_bytes(path.read_bytes()[:-2_000])
    return target


def test_all_supported_formats_are_signed() -> None:
    possible = set(c2pa.Builder.get_supported_mime_types())
    assert {audio.mime for audio in FORMATS.values()} & possible == SIGNABLE


def test_signed_files_contain_an_origin_id_and_no_personal_data(signed: Path) -> None:
    assert read(signed, mime(signed), US) == Found("genuine", "org_1")
    with signed.open("rb") as file, c2pa.Reader(mime(signed), file) as reader:
        report = json.loads(reader.json())
    [manifest] = report["manifests"].values()
    assert manifest["claim_generator_info"][0]["name"] == "Echo"
    [created] = manifest["assertions"][0]["data"]["actions"]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert manifest["assertions"][1] == {"label": "internal.echo.origin", "data": {"id": "org_1", "cloned": True}}


def test_signing_keeps_sound_and_duration(plain: Path, signed: Path) -> None:
    before, _ = decode(plain.read_bytes(), plain.name, 24_000)
    after, _ = decode(signed.read_bytes(), signed.name, 24_000)
    assert np.array_equal(before, after)
    assert signed.stat().st_size - plain.stat().st_size < 10_000


def test_changed_audio_is_detected(plain: Path, signed: Path) -> None:
    middle = signed.stat().st_size - plain.stat().st_size // 2 if plain.suffix != ".wav" else 1_000
    assert read(changed(signed, middle), mime(signed), US) == Found("changed", "org_1")


def test_changed_origin_ids_are_rejected(signed: Path) -> None:
    place = signed.read_bytes().index(b"org_1") + 4
    assert read(changed(signed, place), mime(signed), US) == Found("changed", None)


def test_other_signers_are_foreign_even_with_our_names_and_serial(signed: Path) -> None:
    them = Signer.of(generate().chain)
    assert read(signed, mime(signed), [them]) == Found("foreign")
    assert read(signed, mime(signed), [Signer(US[0].serial, them.anchor)]) == Found("foreign")
    assert read(signed, mime(signed), [Signer(them.serial, US[0].anchor)]) == Found("foreign")
    assert read(signed, mime(signed), [them, *US]) == Found("genuine", "org_1")


def test_files_without_a_manifest_have_no_mark(plain: Path) -> None:
    assert read(plain, mime(plain), US) is None


def test_the_file_type_is_detected_by_content(plain: Path, signed: Path) -> None:
    assert marked_type(plain) == marked_type(signed) == mime(plain)


def test_signed_files_can_be_uploaded_as_samples(signed: Path) -> None:
    if signed.suffix == ".wav":
        assert check_wav(signed) is None
    assert sniff(signed).mime == mime(signed)


async def test_uploaded_files_are_inspected_in_a_child_process(signed: Path) -> None:
    found = (await inspect(signed, US, WATERMARKS)).manifest
    assert found is not None
    assert (found.verdict, found.origin) == ("genuine", "org_1")


@pytest.mark.parametrize("plain", ["wav"], indirect=True)
async def test_truncated_and_forged_manifests_are_unreadable(signed: Path) -> None:
    found = (await inspect(cut(signed), US, WATERMARKS)).manifest
    assert found is not None
    assert found.verdict == "unreadable"


async def test_files_without_audio_have_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_text("Dear Ada")
    assert (await inspect(path, US, WATERMARKS)).manifest is None
