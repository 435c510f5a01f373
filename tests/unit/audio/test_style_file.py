"""Files of voice styles are read as they were written; others are refused."""

from pathlib import Path
from zipfile import ZIP_LZMA, ZipFile

import numpy as np
import pytest

from echo_common.audio.style_file import (
    MODULATION,
    ROWS,
    STYLE,
    StyleFileError,
    VoiceStyle,
    read_builtin_style,
    read_style,
)

TABLE = np.random.default_rng(1).standard_normal((ROWS, STYLE)).astype(np.float32)


def test_a_style_is_read_as_it_was_written(tmp_path: Path) -> None:
    modulation = np.linspace(-1, 1, MODULATION).astype(np.float16)
    VoiceStyle(TABLE, 0.9, -4.0, 1.1, "en-GB", modulation).save(tmp_path / "style")
    found = read_style(tmp_path / "style")
    assert np.array_equal(found.table, TABLE)
    assert np.array_equal(found.modulation, modulation)
    assert (found.pitch_scale, found.pitch_shift, found.rate, found.accent) == (0.9, -4.0, 1.1, "en-GB")
    assert (tmp_path / "style").stat().st_size < 1 << 20


def test_a_plain_table_is_a_style_without_adaptation(tmp_path: Path) -> None:
    TABLE.tofile(tmp_path / "style")
    found = read_style(tmp_path / "style")
    assert np.array_equal(found.table, TABLE)
    assert (found.pitch_scale, found.pitch_shift, found.rate, found.modulation.size) == (1.0, 0.0, 1.0, 0)


@pytest.mark.parametrize(
    "values",
    [
        {"table": TABLE[:1]},
        {"table": np.full_like(TABLE, np.nan)},
        {"table": np.full_like(TABLE, 1e4)},
        {"table": TABLE.astype(np.float64)},
        {"pitch_scale": float("nan")},
        {"pitch_shift": 1e4},
        {"rate": 0.0},
        {"accent": "de-DE"},
        {"modulation": np.zeros(3, np.float16)},
        {"modulation": np.zeros(MODULATION, np.float32)},
        {"modulation": np.full(MODULATION, np.inf, np.float16)},
    ],
)
def test_values_that_no_voice_has_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(StyleFileError):
        VoiceStyle(**{"table": TABLE, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"x" * 1000, b"PK\x03\x04" + bytes(100), bytes(3 << 20)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "style").write_bytes(content)
    with pytest.raises(StyleFileError):
        read_style(tmp_path / "style")


def test_an_incomplete_archive_is_refused(tmp_path: Path) -> None:
    VoiceStyle(TABLE).save(tmp_path / "style")
    content = (tmp_path / "style").read_bytes()
    (tmp_path / "style").write_bytes(content[: len(content) // 2])
    with pytest.raises(StyleFileError):
        read_style(tmp_path / "style")
    with (tmp_path / "style").open("wb") as file:
        np.savez(file, table=TABLE)
    with pytest.raises(StyleFileError):
        read_style(tmp_path / "style")


@pytest.mark.parametrize(
    "header",
    [
        "(((((\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9999999999999999999999)}\n",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,)}\n",
    ],
)
def test_an_archive_with_a_damaged_header_is_refused(tmp_path: Path, header: str) -> None:
    VoiceStyle(TABLE).save(tmp_path / "style")
    with ZipFile(tmp_path / "style") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["table.npy"] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with ZipFile(tmp_path / "style", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(StyleFileError):
        read_style(tmp_path / "style")


def test_an_archive_with_damaged_compression_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "style", "w", ZIP_LZMA) as archive:
        archive.writestr("numbers.npy", bytes(range(256)) * 8)
    content = bytearray((tmp_path / "style").read_bytes())
    content[60:90] = bytes(30)
    (tmp_path / "style").write_bytes(content)
    with pytest.raises(StyleFileError):
        read_style(tmp_path / "style")


def test_an_archive_that_would_expand_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "style").open("wb") as file:
        np.savez_compressed(file, table=TABLE, numbers=np.ones(3), accent=np.zeros(0, np.uint8), modulation=np.zeros(1 << 20))
    assert (tmp_path / "style").stat().st_size < 1 << 20
    with pytest.raises(StyleFileError, match="too large"):
        read_style(tmp_path / "style")


@pytest.mark.parametrize(("name", "accent"), [("bm_george", "en-GB"), ("am_adam", "en-US"), ("ef_dora", "en-US")])
def test_built_in_voices_have_the_accent_of_their_name(tmp_path: Path, name: str, accent: str) -> None:
    TABLE.tofile(tmp_path / f"{name}.bin")
    assert read_builtin_style(tmp_path / f"{name}.bin").accent == accent
