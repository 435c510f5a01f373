"""Zip files of exports."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from echo_auth.archive import ArchiveWriter, CollectionWriter

MOMENT = datetime(2026, 11, 22, 10, 30, 4, tzinfo=UTC)
SOUND = os.urandom(300_000)
TITLE = "audio/2026-11-22 Xin chào (aud_1).wav"


def written(path: Path) -> Path:
    with ArchiveWriter.open(path) as archive:
        with CollectionWriter(archive, MOMENT) as collections:
            collections.add([("jobs", b'{"id": "job_1"}'), ("jobs", b'{"id": "job_2"}')])
            collections.add([("texts", b'{"id": "txt_1"}')])
            collections.end()
        with archive.file(TITLE, "audio/wav", modified=MOMENT, size=len(SOUND)) as target:
            target.write(SOUND[:100_000])
            target.write(SOUND[100_000:])
        archive.add_missing("audio/gone.wav")
        archive.finish({"format": "echo-export/1"}, MOMENT)
        assert (archive.files, archive.missing) == (3, 1)
    return path


def test_the_manifest_lists_every_file_with_its_checksum(tmp_path: Path) -> None:
    with ZipFile(written(tmp_path / "export.zip")) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert [entry["name"] for entry in manifest["files"]] == ["jobs.json", "texts.json", TITLE]
        for entry in manifest["files"]:
            content = archive.read(entry["name"])
            assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"])
        assert set(archive.namelist()) == {"manifest.json", *(entry["name"] for entry in manifest["files"])}
    assert (manifest["format"], manifest["missing"]) == ("echo-export/1", ["audio/gone.wav"])


def test_documents_are_json_arrays_by_collection(tmp_path: Path) -> None:
    with ZipFile(written(tmp_path / "export.zip")) as archive:
        assert json.loads(archive.read("jobs.json")) == [{"id": "job_1"}, {"id": "job_2"}]
        assert json.loads(archive.read("texts.json")) == [{"id": "txt_1"}]


def test_audio_is_stored_and_json_is_compressed(tmp_path: Path) -> None:
    with ZipFile(written(tmp_path / "export.zip")) as archive:
        assert archive.getinfo(TITLE).compress_type == ZIP_STORED
        assert archive.getinfo(TITLE).date_time == (2026, 11, 22, 10, 30, 4)
        assert archive.getinfo("jobs.json").compress_type == ZIP_DEFLATED
        assert archive.read(TITLE) == SOUND


def test_an_empty_archive_has_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with ArchiveWriter.open(path) as archive:
        archive.finish({}, MOMENT)
    with ZipFile(path) as found:
        assert json.loads(found.read("manifest.json")) == {"missing": [], "files": []}


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with ArchiveWriter.open(tmp_path / "export.zip") as archive:
        with archive.file("a.wav", "audio/wav", modified=MOMENT) as target:
            target.write(b"a")
        for name in ("a.wav", "manifest.json"):
            with pytest.raises(ValueError, match="two files"), archive.file(name, "audio/wav", modified=MOMENT):
                pass


def test_a_collection_that_has_ended_does_not_begin_again(tmp_path: Path) -> None:
    with ArchiveWriter.open(tmp_path / "export.zip") as archive, CollectionWriter(archive, MOMENT) as collections:
        collections.add([("jobs", b"{}"), ("texts", b"{}")])
        with pytest.raises(ValueError, match="two files"):
            collections.add([("jobs", b"{}")])


def test_an_error_within_a_file_passes_and_closes_the_archive(tmp_path: Path) -> None:
    def stopped() -> None:
        with ArchiveWriter.open(tmp_path / "export.zip") as archive, CollectionWriter(archive, MOMENT) as collections:
            collections.add([("jobs", b"{}")])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stopped()


def test_dates_before_those_of_the_format_are_replaced(tmp_path: Path) -> None:
    with (
        ArchiveWriter.open(tmp_path / "export.zip") as archive,
        archive.file("a.wav", "audio/wav", modified=datetime(1970, 1, 1, tzinfo=UTC)) as target,
    ):
        target.write(b"a")
