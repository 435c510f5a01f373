"""Tests of the data folder."""

import json
import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from echo_embedded.data_folder import CannotStartError, DataFolder, Running


def test_secrets_are_generated_once_and_readable_only_by_their_owner(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    assert folder.known_secrets() is None

    with folder.lock():
        first = folder.secrets()

    assert DataFolder(tmp_path / "data").known_secrets() == first
    assert len(first.auth_secret) >= 32
    assert len(first.feedback_secret) >= 32
    assert first.feedback_secret != first.auth_secret
    assert stat.S_IMODE((folder.path / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_a_secret_that_a_former_version_did_not_have_is_added(tmp_path: Path) -> None:
    former = {"admin_email": "admin@example.com", "admin_password": "a password", "auth_secret": "a secret"}
    (tmp_path / "secrets.json").write_text(json.dumps(former))

    secrets = DataFolder(tmp_path).secrets()

    assert len(secrets.feedback_secret) >= 32
    assert asdict(secrets) == {**former, "feedback_secret": secrets.feedback_secret}
    assert DataFolder(tmp_path).secrets() == secrets


def test_damaged_secrets_are_never_replaced_silently(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")

    with pytest.raises(CannotStartError, match="damaged"):
        DataFolder(tmp_path).secrets()


def test_a_data_folder_is_held_by_one_process(tmp_path: Path) -> None:
    mine, other = DataFolder(tmp_path), DataFolder(tmp_path)
    with mine.lock():
        mine.announce(Running("http://127.0.0.1:1", os.getpid(), {}, "unix:///internal.sock"))

        with pytest.raises(CannotStartError, match="running on the data folder"), other.lock():
            pass

        assert other.require_running().url == "http://127.0.0.1:1"
    assert other.running() is None


def test_a_killed_platform_is_not_reported_as_running(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with folder.lock():
        folder.announce(Running("http://127.0.0.1:1", 2**22 + 1, {}, "unix:///internal.sock"))

        assert folder.running() is None


@pytest.mark.parametrize("length", [10, 100, 300])
def test_sockets_have_short_paths_for_any_folder(length: int, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path.joinpath(*["long-path"] * (length // 10)))
    with folder.lock(), folder.sockets() as sockets:
        assert sockets.is_dir()
        assert len(os.fsencode(sockets / "synthesis.sock")) <= 107
    assert sockets.is_relative_to(folder.path) or not sockets.exists()


def test_sockets_of_a_crashed_process_are_removed_at_the_next_start(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / ("long-path" * 12))
    with folder.lock():
        crashed = folder.sockets()  # never left
        left = crashed.__enter__()
        assert not left.is_relative_to(folder.path)

        with folder.sockets() as sockets:
            assert sockets.is_dir()
            assert not left.exists()
        assert not sockets.exists()


def test_scratch_files_of_a_crash_are_removed_under_the_lock(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with folder.lock():
        left = folder.scratch / "echo-scratch-synthesis-1" / "speech.wav"
        left.parent.mkdir()
        left.write_bytes(b"spoken")
        with pytest.raises(CannotStartError), DataFolder(tmp_path).lock():
            pass
        assert left.exists()
    with folder.lock():
        assert list(folder.scratch.iterdir()) == []
        assert stat.S_IMODE(folder.scratch.stat().st_mode) == 0o700


@pytest.mark.parametrize("left", ["database.toml", "database"])
def test_folders_of_earlier_versions_are_refused_in_one_sentence(left: str, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    (folder.database / left).mkdir(parents=True)

    with pytest.raises(CannotStartError, match=r"earlier version of Echo .*--data") as refused, folder.lock():
        pass

    assert "\n" not in str(refused.value)
    with DataFolder(tmp_path / "other").lock():
        pass
