"""A manifest goes into a file, stays readable, and tells when the file is not what was signed."""

import json
from pathlib import Path

import c2pa
import numpy as np
import pytest

from echo_synthesis.audio.encode import FileEncoder
from echo_synthesis.audio.formats import FORMATS
from echo_synthesis.provenance.inspection import inspect, marked_type
from echo_synthesis.provenance.manifest import Found, read, sign
from echo_synthesis.provenance.notary import SIGNABLE
from echo_synthesis.provenance.signers import Signer, generate
from echo_voice.analysis.formats import sniff
from echo_voice.analysis.header import check_wav
from tests.support.sound import decode

OURS = generate()
US = [Signer.of(OURS.chain)]
SIGNED = ["wav", "mp3", "flac"]


@pytest.fixture(params=SIGNED)
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A second of sound."""
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


def test_all_formats_are_signed_that_can_be() -> None:
    possible = set(c2pa.Builder.get_supported_mime_types())
    assert {audio.mime for audio in FORMATS.values()} & possible == SIGNABLE


def test_a_signed_file_names_its_origin_and_nobody(signed: Path) -> None:
    assert read(signed, mime(signed), US) == Found("genuine", "org_1")
    with signed.open("rb") as file, c2pa.Reader(mime(signed), file) as reader:
        report = json.loads(reader.json())
    [manifest] = report["manifests"].values()
    assert manifest["claim_generator_info"][0]["name"] == "Echo"
    [created] = manifest["assertions"][0]["data"]["actions"]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert manifest["assertions"][1] == {"label": "internal.echo.origin", "data": {"id": "org_1", "cloned": True}}


def test_it_sounds_as_before_and_is_as_long(plain: Path, signed: Path) -> None:
    before, _ = decode(plain.read_bytes(), plain.name, 24_000)
    after, _ = decode(signed.read_bytes(), signed.name, 24_000)
    assert np.array_equal(before, after)
    assert signed.stat().st_size - plain.stat().st_size < 10_000


def test_a_bit_of_the_sound_that_was_changed_is_noticed(plain: Path, signed: Path) -> None:
    middle = signed.stat().st_size - plain.stat().st_size // 2 if plain.suffix != ".wav" else 1_000
    assert read(changed(signed, middle), mime(signed), US) == Found("changed", "org_1")


def test_an_origin_that_was_changed_is_not_believed(signed: Path) -> None:
    place = signed.read_bytes().index(b"org_1") + 4
    assert read(changed(signed, place), mime(signed), US) == Found("changed", None)


def test_somebody_elses_signature_is_foreign_even_with_our_names_and_serial(signed: Path) -> None:
    them = Signer.of(generate().chain)
    assert read(signed, mime(signed), [them]) == Found("foreign")
    assert read(signed, mime(signed), [Signer(US[0].serial, them.anchor)]) == Found("foreign")
    assert read(signed, mime(signed), [Signer(them.serial, US[0].anchor)]) == Found("foreign")
    assert read(signed, mime(signed), [them, *US]) == Found("genuine", "org_1")


def test_a_file_without_a_manifest_has_none(plain: Path) -> None:
    assert read(plain, mime(plain), US) is None


def test_the_type_is_told_by_the_content(plain: Path, signed: Path) -> None:
    assert marked_type(plain) == marked_type(signed) == mime(plain)


def test_a_signed_file_may_be_uploaded_as_a_recording(signed: Path) -> None:
    if signed.suffix == ".wav":
        assert check_wav(signed) is None
    assert sniff(signed).mime == mime(signed)


async def test_a_strangers_file_is_read_elsewhere(signed: Path) -> None:
    found = (await inspect(signed, US)).manifest
    assert found is not None
    assert (found.verdict, found.origin) == ("genuine", "org_1")


@pytest.mark.parametrize("plain", ["wav"], indirect=True)
async def test_what_is_cut_off_or_made_up_is_unreadable_and_harms_nobody(signed: Path) -> None:
    found = (await inspect(cut(signed), US)).manifest
    assert found is not None
    assert found.verdict == "unreadable"


async def test_what_is_no_audio_has_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_text("Dear Ada")
    assert (await inspect(path, US)).manifest is None
