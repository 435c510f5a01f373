"""What every vector index promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from echo_common.vectors.port import VectorIndex, VectorsUnavailableError
from echo_common.vectors.qdrant import open_vectors


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[VectorIndex]:
    opened = open_vectors((tmp_path / "vectors").as_uri())
    yield opened
    await opened.close()


async def test_what_points_the_same_way_is_nearest(index: VectorIndex) -> None:
    await index.put("voices", "vm_east", [1.0, 0.0, 0.0], {"user_id": "usr_1"})
    await index.put("voices", "vm_north", [0.0, 1.0, 0.0], {"user_id": "usr_1"})

    found = await index.nearest("voices", [0.9, 0.1, 0.0], limit=2, where={})

    assert [neighbour.id for neighbour in found] == ["vm_east", "vm_north"]
    assert found[0].similarity == pytest.approx(0.9939, abs=1e-3)


async def test_only_what_matches_every_field_is_looked_at(index: VectorIndex) -> None:
    await index.put("voices", "vm_mine", [1.0, 0.0], {"access": ["usr_1"]})
    await index.put("voices", "vm_shared", [1.0, 0.1], {"access": ["usr_2", "usr_1"]})
    await index.put("voices", "vm_strange", [1.0, 0.0], {"access": ["usr_3"]})

    found = await index.nearest("voices", [1.0, 0.0], limit=9, where={"access": ["usr_1", "public"]})

    assert [neighbour.id for neighbour in found] == ["vm_mine", "vm_shared"]


async def test_a_vector_replaces_the_one_before_and_can_be_removed(index: VectorIndex) -> None:
    await index.put("voices", "vm_1", [1.0, 0.0], {})
    await index.put("voices", "vm_1", [0.0, 2.0], {})

    assert await index.get("voices", "vm_1") == pytest.approx([0.0, 1.0])
    await index.delete("voices", "vm_1")
    await index.delete("voices", "vm_1")
    assert await index.get("voices", "vm_1") is None


async def test_nothing_is_near_in_a_collection_that_has_not_begun(index: VectorIndex) -> None:
    assert await index.nearest("voices", [1.0], limit=3, where={}) == ()
    assert await index.get("voices", "vm_1") is None


async def test_vectors_outlive_the_process(tmp_path: Path) -> None:
    first = open_vectors((tmp_path / "v").as_uri())
    await first.put("voices", "vm_1", [1.0, 0.0], {"user_id": "usr_1"})
    await first.close()

    again = open_vectors((tmp_path / "v").as_uri())
    assert [neighbour.id for neighbour in await again.nearest("voices", [1.0, 0.0], limit=1, where={})] == ["vm_1"]
    await again.close()


async def test_a_server_that_is_not_there_is_said_to_be_unavailable() -> None:
    index = open_vectors("http://127.0.0.1:9")
    with pytest.raises(VectorsUnavailableError):
        await index.ping()
    await index.close()
