"""Files are signed in process or in a child, by size; unsignable files are not delivered."""

from pathlib import Path

import numpy as np
import pytest

from echo_common.errors import InternalError
from echo_synthesis.domain import Origin
from echo_synthesis.provenance import notary
from echo_synthesis.provenance.manifest import Found, read
from echo_synthesis.provenance.notary import Notary
from echo_synthesis.provenance.origins import Origins
from echo_synthesis.provenance.signers import Signer, Signers, generate
from tests.support.recordings import wav


class Nowhere:
    """An object store that must not be used."""

    def collection(self, name: str) -> None:
        return None


OURS = generate()
ORIGIN = Origin(user_id="usr_1", voice_id="vm_1", engine="tone", cloned=True)


@pytest.fixture
def here() -> Notary:
    store: object = Nowhere()
    return Notary(Origins(store), Signers(store), OURS)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "audio"
    path.write_bytes(wav(np.zeros(24_000, np.float32)))
    return path


@pytest.mark.parametrize("small", [notary.SMALL, 0], ids=["here", "elsewhere"])
async def test_small_files_are_signed_in_process_and_large_ones_in_a_child(
    small: int, here: Notary, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notary, "SMALL", small)
    sealed = await here.seal(file, "audio/wav", ORIGIN)
    assert read(sealed, "audio/wav", [Signer.of(OURS.chain)]) == Found("genuine", ORIGIN.id)


async def test_formats_without_manifests_are_unchanged(here: Notary, file: Path) -> None:
    assert await here.seal(file, "audio/ogg", ORIGIN) == file


async def test_unsignable_files_raise_an_error(here: Notary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notary, "SMALL", 0)
    junk = tmp_path / "junk"
    junk.write_bytes(b"no sound")
    with pytest.raises(InternalError):
        await here.seal(junk, "audio/wav", ORIGIN)
