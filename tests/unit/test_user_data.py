"""File names in exports."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from echo_common.contracts.http.user_data import ExportedObject
from echo_common.user_data.export import extension_of, file_name

MOMENT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Hello world", "2026-11-22 Hello world (aud_1).wav"),
        ("Xin chào. 🐎", "2026-11-22 Xin chào. 🐎 (aud_1).wav"),
        ("", "2026-11-22 (aud_1).wav"),
        ('..\\../a:b*?"<>|', "2026-11-22 a b (aud_1).wav"),
        ("Two\nlines\tand\x00control \u202e characters", "2026-11-22 Two lines and control characters (aud_1).wav"),
        ("x" * 500, f"2026-11-22 {'x' * 60} (aud_1).wav"),
    ],
)
def test_names_are_readable_and_valid_on_every_system(title: str, name: str) -> None:
    found = file_name("audio", title, "aud_1", "wav", MOMENT)
    assert found == f"audio/{name}"
    exported(found)


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "a//b", "a\\b", "", "a\nb", "."])
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        exported(name)


def test_media_types_have_extensions() -> None:
    assert (extension_of("audio/mpeg"), extension_of("text/html")) == ("mp3", "bin")


def exported(name: str) -> ExportedObject:
    return ExportedObject(id="aud_1", name=name, size=1, checksum="", mime="audio/wav", created_at=MOMENT)
