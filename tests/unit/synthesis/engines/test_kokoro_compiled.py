"""A compiled model is used only for its configuration, and only when complete."""

import fcntl
import shutil
from pathlib import Path

import pytest

from echo_synthesis.engines.kokoro import compiled
from echo_synthesis.engines.kokoro.compiled import compile_cache, remove_compiled


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    return path


def compile_into(home: Path, model: Path, backend: str = "openvino-f32", build: str = "openvino 1 f32") -> tuple[Path, bool]:
    """Return the folder and whether it contained a compiled model."""
    with compile_cache(home, backend, model, build) as folder:
        assert folder is not None
        found = (folder / "1.blob").exists()
        if not found:
            (folder / "1.blob").write_bytes(backend.encode())
    return folder, found


def test_each_backend_and_precision_has_its_own_folder(tmp_path: Path, model: Path) -> None:
    one, _ = compile_into(tmp_path, model, "openvino-f32", "openvino 1 f32")
    other, found = compile_into(tmp_path, model, "openvino-bf16", "openvino 1 bf16")
    assert one != other
    assert not found
    assert (one / "1.blob").read_bytes() == b"openvino-f32"


def test_compiled_models_are_reused(tmp_path: Path, model: Path) -> None:
    compile_into(tmp_path, model)
    assert compile_into(tmp_path, model)[1]


@pytest.mark.parametrize("change", ["model", "library", "processor"])
def test_models_compiled_for_other_configurations_are_removed(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    old, _ = compile_into(tmp_path, model)
    build = "openvino 1 f32"
    if change == "model":
        model.write_bytes(b"other weights")
    elif change == "library":
        build = "openvino 2 f32"
    else:
        monkeypatch.setattr(compiled, "flags", lambda: ["x86_64", "amx_bf16"])
    new, found = compile_into(tmp_path, model, build=build)
    assert new != old
    assert not found
    assert not old.exists()


def test_files_of_the_old_layout_are_removed(tmp_path: Path, model: Path) -> None:
    stray = tmp_path / "compiled" / "15642496442880915276.blob"
    stray.parent.mkdir()
    stray.write_bytes(b"f32 or bf16")
    compile_into(tmp_path, model)
    assert not stray.exists()


@pytest.mark.parametrize("damage", ["cut", "changed", "extra", "without a manifest", "broken manifest"])
def test_damaged_folders_are_emptied(tmp_path: Path, model: Path, damage: str) -> None:
    folder, _ = compile_into(tmp_path, model)
    blob = folder / "1.blob"
    match damage:
        case "cut":
            blob.write_bytes(blob.read_bytes()[:-1])
        case "changed":
            blob.write_bytes(blob.read_bytes()[::-1])
        case "extra":
            (folder / "2.blob").write_bytes(b"")
        case "without a manifest":
            (folder / "manifest.json").unlink()
        case _:
            (folder / "manifest.json").write_text("{")
    assert compile_into(tmp_path, model) == (folder, False)


def test_interrupted_compilations_are_not_used(tmp_path: Path, model: Path) -> None:
    def broken() -> None:
        with compile_cache(tmp_path, "openvino-f32", model, "openvino 1 f32") as folder:
            assert folder is not None
            (folder / "1.blob").write_bytes(b"half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        broken()
    assert not compile_into(tmp_path, model)[1]


def test_nothing_is_removed_while_another_process_compiles(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = compile_into(tmp_path, model)
    removed: list[Path] = []

    def remove(path: Path, *, ignore_errors: bool) -> None:
        with (tmp_path / "compiled" / "lock").open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        removed.append(path)

    monkeypatch.setattr(shutil, "rmtree", remove)
    assert remove_compiled(tmp_path, "openvino-f32")
    assert removed == [folder]


def test_nothing_is_written_beside_read_only_models(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with compile_cache(tmp_path, "openvino-f32", model, "openvino 1 f32") as folder:
        assert folder is None
    assert not remove_compiled(tmp_path, "openvino-f32")
    assert not (tmp_path / "compiled").exists()
