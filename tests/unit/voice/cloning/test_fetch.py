import zipfile
from pathlib import Path

import pytest

from echo_voice.cloning.encoder import ENCODER
from echo_voice.cloning.fetch import EncoderMissingError, fetch_encoder


def test_unexpected_weights_are_refused_and_removed(tmp_path: Path):
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr("resemblyzer/pretrained.pt", b"something else")
    with pytest.raises(EncoderMissingError):
        fetch_encoder(tmp_path / "home", wheel)
    assert not list((tmp_path / "home").iterdir())


def test_existing_weights_are_not_downloaded_again(tmp_path: Path):
    (tmp_path / ENCODER).write_bytes(b"")
    assert fetch_encoder(tmp_path) == tmp_path / ENCODER
