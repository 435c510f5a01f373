"""Tests of objects of voice without a record."""

from pathlib import Path

from echo_common.storage.orphans import OrphanSweeper
from echo_voice.usecases.ownership import object_owners
from tests.integration.synthesis.test_orphans import DAY, age
from tests.integration.voice.conftest import VoiceClient


async def test_unreferenced_uploads_styles_and_checkpoints_are_removed(ada: VoiceClient, speech: bytes, tmp_path: Path) -> None:
    deps = ada.deps
    sample = await ada.sample(speech)
    clone = await ada.trained((await ada.clone(sample["id"]))["clone_id"])
    owned = {key async for key in deps.objects.keys("")}
    kept = f"checkpoints/{clone['id']}/0123456789abcdef"
    orphans = {
        "samples/vs_nobody/original",
        f"samples/{sample['id']}/processed-9.flac",
        "styles/vm_nobody/job_1-1",
        f"styles/{clone['id']}/job_1-1",
        "checkpoints/vm_nobody/0123456789abcdef",
    }
    for key in (kept, *orphans):
        await deps.objects.put(key, b"left", "application/octet-stream")
    age(tmp_path / "objects", 2 * DAY)

    recent = OrphanSweeper(deps.objects, object_owners(deps, DAY), DAY)
    assert await recent.sweep(page_size=2) == len(orphans) - 1, "the voice has just changed: its older style may be in use"
    settled = OrphanSweeper(deps.objects, object_owners(deps, 0), DAY)
    assert await settled.sweep() == 1
    assert {key async for key in deps.objects.keys("")} == owned | {kept}
