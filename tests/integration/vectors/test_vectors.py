"""Behaviour suite of the vector index port."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from echo_common.vectors.port import VectorIndex, VectorsUnavailableError
from echo_common.vectors.qdrant import open_vectors, stored_vectors


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[VectorIndex]:
    opened = open_vectors((tmp_path / "vectors").as_uri())
    yield opened
    await opened.close()


async def test_vectors_of_similar_direction_are_nearest(index: VectorIndex) -> None:
    await index.put("voices", "vm_east", [1.0, 0.0, 0.0], {"user_id": "usr_1"})
    await index.put("voices", "vm_north", [0.0, 1.0, 0.0], {"user_id": "usr_1"})

    found = await index.nearest("voices", [0.9, 0.1, 0.0], limit=2, where={})

    assert [neighbour.id for neighbour in found] == ["vm_east", "vm_north"]
    assert found[0].similarity == pytest.approx(0.9939, abs=1e-3)


async def test_searches_are_filtered_by_every_field(index: VectorIndex) -> None:
    await index.put("voices", "vm_mine", [1.0, 0.0], {"access": ["usr_1"]})
    await index.put("voices", "vm_shared", [1.0, 0.1], {"access": ["usr_2", "usr_1"]})
    await index.put("voices", "vm_strange", [1.0, 0.0], {"access": ["usr_3"]})

    found = await index.nearest("voices", [1.0, 0.0], limit=9, where={"access": ["usr_1", "public"]})

    assert [neighbour.id for neighbour in found] == ["vm_mine", "vm_shared"]


async def test_vectors_can_be_replaced_and_removed(index: VectorIndex) -> None:
    await index.put("voices", "vm_1", [1.0, 0.0], {})
    await index.put("voices", "vm_1", [0.0, 2.0], {})

    assert await index.get("voices", "vm_1") == pytest.approx([0.0, 1.0])
    await index.delete("voices", "vm_1")
    await index.delete("voices", "vm_1")
    assert await index.get("voices", "vm_1") is None


async def test_missing_collections_have_no_matches(index: VectorIndex) -> None:
    assert await index.nearest("voices", [1.0], limit=3, where={}) == ()
    assert await index.get("voices", "vm_1") is None


async def test_vectors_are_persistent(tmp_path: Path) -> None:
    first = open_vectors((tmp_path / "v").as_uri())
    await first.put("voices", "vm_1", [1.0, 0.0], {"user_id": "usr_1"})
    await first.close()

    again = open_vectors((tmp_path / "v").as_uri())
    assert [neighbour.id for neighbour in await again.nearest("voices", [1.0, 0.0], limit=1, where={})] == ["vm_1"]
    await again.close()


async def test_an_unreachable_server_is_reported_as_unavailable() -> None:
    index = open_vectors("http://127.0.0.1:9")
    with pytest.raises(VectorsUnavailableError):
        await index.ping()
    await index.close()


async def test_all_vectors_are_read_while_another_process_holds_the_folder(tmp_path: Path) -> None:
    index = open_vectors((tmp_path / "v").as_uri())
    await index.put("voices", "vm_1", [0.0, 2.0], {"access": ["usr_1"]})
    await index.put("samples", "smp_1", [1.0, 0.0, 0.0], {"user_id": "usr_1"})

    found = [vector async for vector in stored_vectors((tmp_path / "v").as_uri())]

    assert [(vector.collection, vector.key, vector.facts) for vector in found] == [
        ("samples", "smp_1", {"user_id": "usr_1"}),
        ("voices", "vm_1", {"access": ["usr_1"]}),
    ]
    copy = open_vectors((tmp_path / "copy").as_uri())
    for vector in found:
        await copy.put(vector.collection, vector.key, vector.vector, vector.facts)
    assert await copy.get("voices", "vm_1") == pytest.approx([0.0, 1.0])
    await copy.close()
    await index.close()


async def test_a_folder_without_vectors_has_none(tmp_path: Path) -> None:
    assert [vector async for vector in stored_vectors((tmp_path / "v").as_uri())] == []


async def test_an_unreachable_server_cannot_be_read() -> None:
    with pytest.raises(VectorsUnavailableError):
        [vector async for vector in stored_vectors("http://127.0.0.1:9")]
