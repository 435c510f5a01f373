"""Tests of signed links."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from echo_common.auth import signed_links
from echo_common.auth.signed_links import LinkSigner
from echo_common.errors import LinkInvalidError

PATH = "/api/v1/files/audio/aud_1"
SIGNER = LinkSigner(b"secret", "audio")


def parameters(url: str) -> tuple[int, str]:
    query = parse_qs(urlsplit(url).query)
    return int(query["expires"][0]), query["signature"][0]


def test_links_are_valid_for_their_path_and_user() -> None:
    url, until = SIGNER.sign(PATH, "usr_1", 60)
    assert urlsplit(url).path == PATH
    expires, signature = parameters(url)
    assert datetime.fromtimestamp(expires, UTC) == until
    SIGNER.check(PATH, "usr_1", expires, signature)


@pytest.mark.parametrize(
    ("signer", "path", "user_id", "later"),
    [
        pytest.param(SIGNER, f"{PATH}2", "usr_1", 0, id="another path"),
        pytest.param(SIGNER, PATH, "usr_2", 0, id="another user"),
        pytest.param(SIGNER, PATH, "usr_1", 1, id="a later expiry"),
        pytest.param(LinkSigner(b"secret", "exports"), PATH, "usr_1", 0, id="another purpose"),
        pytest.param(LinkSigner(b"other", "audio"), PATH, "usr_1", 0, id="another secret"),
    ],
)
def test_links_are_not_valid_for_anything_else(signer: LinkSigner, path: str, user_id: str, later: int) -> None:
    expires, signature = parameters(SIGNER.sign(PATH, "usr_1", 60)[0])
    with pytest.raises(LinkInvalidError):
        signer.check(path, user_id, expires + later, signature)


@pytest.mark.parametrize("signature", ["", "ü", "A" * 43])
def test_forged_signatures_are_refused(signature: str) -> None:
    expires, _ = parameters(SIGNER.sign(PATH, "usr_1", 60)[0])
    with pytest.raises(LinkInvalidError):
        SIGNER.check(PATH, "usr_1", expires, signature)


def test_links_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    url, until = SIGNER.sign(PATH, "usr_1", 60)
    expires, signature = parameters(url)
    monkeypatch.setattr(signed_links, "now", lambda: until + timedelta(milliseconds=1))
    with pytest.raises(LinkInvalidError):
        SIGNER.check(PATH, "usr_1", expires, signature)
