"""Tags of files become fields within their limits."""

from echo_listening.upload_reader import UploadedAudio
from echo_listening.uploads.tags import fields_of_tags


def test_tags_become_fields() -> None:
    tags = {"title": " Evening walk ", "artist": "Ada; Grace;Ada", "album": "Walks", "genre": "Folk;Rock", "comment": "x"}

    assert fields_of_tags(tags) == {
        "name": "Evening walk",
        "artists": ["Ada", "Grace"],
        "album": "Walks",
        "genres": ["folk", "rock"],
    }


def test_tags_of_any_content_become_valid_fields() -> None:
    tags = {
        "title": "\x00\n\u202e" + "x" * 5_000,
        "artist": ";".join(f"artist {number}" for number in range(100)),
        "album": " \t ",
        "genre": "İ" * 500 + ";\ud800;" + "R" * 500,
    }
    found = UploadedAudio.model_validate({**fields_of_tags(tags), "duration": 1.0, "mime": "audio/mpeg"})

    assert found.name == "x" * 200
    assert len(found.artists) == 20
    assert found.album is None
    assert [len(genre) for genre in found.genres] == [50, 50]
