"""Names, rotation and schedule of archives, and the list of erasures beside them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echo_common.clock import now
from echo_common.store.connect import open_store
from echo_embedded.backup.erasures import read_erasures, update_erasures
from echo_embedded.backup.places import Places
from echo_embedded.backup.schedule import archive_name, find_newest, list_archives, lock_folder, parse_interval, rotate
from echo_embedded.data_folder import CannotStartError, DataFolder

MOMENT = datetime(2025, 11, 22, 3, tzinfo=UTC)
PSEUDONYMS = ("0" * 32, "1" * 32)


def test_the_oldest_archives_are_removed(tmp_path: Path) -> None:
    times = [MOMENT + timedelta(days=day) for day in range(4)]
    for moment in reversed(times):
        (tmp_path / archive_name(moment)).touch()
    (tmp_path / "notes.tar").touch()

    removed = rotate(tmp_path, 2)

    assert [path.name for path in removed] == [archive_name(moment) for moment in times[:2]]
    assert [path.name for path in list_archives(tmp_path)] == [archive_name(moment) for moment in times[2:]]
    assert (tmp_path / "notes.tar").exists()
    assert find_newest(tmp_path) == times[-1]
    assert rotate(tmp_path, 5) == []


def test_archives_of_a_clock_that_was_ahead_are_removed_first_and_delay_no_backup(tmp_path: Path) -> None:
    ahead = tmp_path / archive_name(now() + timedelta(days=400))
    moment = now().replace(microsecond=0)
    made = tmp_path / archive_name(moment)
    ahead.touch()

    assert find_newest(tmp_path) is None
    made.touch()
    assert find_newest(tmp_path) == moment
    assert rotate(tmp_path, 1) == [ahead]
    assert list_archives(tmp_path) == [made]


@pytest.mark.parametrize(
    ("text", "interval"), [("30m", timedelta(minutes=30)), ("24h", timedelta(days=1)), ("7d", timedelta(7))]
)
def test_intervals_have_a_unit(text: str, interval: timedelta) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize("text", ["", "24", "0h", "-1h", "1w", "h", "1.5h"])
def test_other_intervals_are_refused(text: str) -> None:
    with pytest.raises(CannotStartError, match="--every"):
        parse_interval(text)


def test_a_folder_is_used_by_one_backup_and_freed_of_killed_ones(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with lock_folder(folder):
        with pytest.raises(CannotStartError, match="Another backup"), lock_folder(folder):
            pass
        for name in (archive_name(MOMENT), "named.tar"):
            (folder / f".{name}.part").touch()
    with lock_folder(folder):
        assert list(folder.glob(".*.part")) == []


async def test_erasures_are_added_and_never_removed(tmp_path: Path) -> None:
    folder, file = DataFolder(tmp_path / "data"), tmp_path / "erasures.jsonl"
    places = Places.of_folder(folder)
    store = await open_store(places.database_url, "auth")
    moment = now()
    assert await update_erasures(places, file) == {}
    for pseudonym in PSEUDONYMS:
        await store.collection("erasures").insert({"_id": pseudonym, "pseudonym": pseudonym, "created_at": moment})
        await update_erasures(places, file)
    await store.collection("erasures").delete({})

    assert await update_erasures(places, file) == dict.fromkeys(PSEUDONYMS, moment)
    assert read_erasures(file) == dict.fromkeys(PSEUDONYMS, moment)
    assert file.stat().st_mode & 0o077 == 0
    await store.close()


@pytest.mark.parametrize(
    "line", ["{", '{"pseudonym": "usr_1", "requested_at": "2026-11-22"}', '{"pseudonym": "' + "0" * 32 + '"}']
)
def test_a_damaged_list_of_erasures_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "erasures.jsonl"
    file.write_text(line)
    with pytest.raises(CannotStartError, match="damaged at line 1"):
        read_erasures(file)
