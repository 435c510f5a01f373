import zipfile
from pathlib import Path

import pytest

from echo_voice.cloning.fetch import ENCODER, EncoderMissingError, fetch_encoder


def test_weights_other_than_the_expected_are_refused_and_leave_nothing(tmp_path: Path):
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr("resemblyzer/pretrained.pt", b"something else")
    with pytest.raises(EncoderMissingError):
        fetch_encoder(tmp_path / "home", wheel)
    assert not list((tmp_path / "home").iterdir())


def test_what_is_there_is_not_fetched_again(tmp_path: Path):
    (tmp_path / ENCODER).write_bytes(b"")
    assert fetch_encoder(tmp_path) == tmp_path / ENCODER
