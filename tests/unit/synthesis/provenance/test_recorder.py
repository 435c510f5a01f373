"""Files are signed in process or in a child, by size; unsignable files are not delivered."""

from pathlib import Path

import numpy as np
import pytest

from echo_common.errors import InternalError
from echo_common.live_settings import LiveSettings
from echo_synthesis.domain import ProvenanceRecord
from echo_synthesis.provenance import recorder
from echo_synthesis.provenance.manifest import Found, read
from echo_synthesis.provenance.recorder import ProvenanceRecorder
from echo_synthesis.provenance.records import ProvenanceRecords
from echo_synthesis.provenance.signers import Signer, Signers, generate
from echo_synthesis.provenance.watermarks import Watermarks
from tests.support.recordings import wav


class Nowhere:
    """An object store that must not be used."""

    def collection(self, name: str) -> None:
        return None


OURS = generate()
RECORD = ProvenanceRecord(user_id="usr_1", voice_id="vm_1", engine="tone", cloned=True)


@pytest.fixture
def here() -> ProvenanceRecorder:
    store: object = Nowhere()
    watermarks = Watermarks(b"key", LiveSettings())
    return ProvenanceRecorder(ProvenanceRecords(store), Signers(store), OURS, watermarks)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "audio"
    path.write_bytes(wav(np.zeros(24_000, np.float32)))
    return path


@pytest.mark.parametrize("small", [recorder.SMALL, 0], ids=["here", "elsewhere"])
async def test_small_files_are_signed_in_process_and_large_ones_in_a_child(
    small: int, here: ProvenanceRecorder, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SMALL", small)
    signed = await here.sign(file, "audio/wav", RECORD)
    assert read(signed, "audio/wav", [Signer.of(OURS.chain)]) == Found("genuine", RECORD.id)


async def test_formats_without_manifests_are_unchanged(here: ProvenanceRecorder, file: Path) -> None:
    assert await here.sign(file, "audio/ogg", RECORD) == file


async def test_unsignable_files_raise_an_error(
    here: ProvenanceRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SMALL", 0)
    junk = tmp_path / "junk"
    junk.write_bytes(b"no sound")
    with pytest.raises(InternalError):
        await here.sign(junk, "audio/wav", RECORD)
