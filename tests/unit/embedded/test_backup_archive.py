"""The archive of a backup: every damage is found before anything is restored."""

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from echo_common.store.codec import encode
from echo_embedded.backup.archive import (
    Archive,
    ArchiveError,
    Header,
    encode_entry,
    encode_facts,
    open_contents,
    read_documents,
)
from echo_embedded.backup.passphrase import Keys, PassphraseError
from echo_embedded.backup.verification import verify
from echo_embedded.backup.writer import ArchiveWriter
from echo_embedded.data_folder import CannotStartError, Secrets

PASSPHRASE = "correct horse battery"
SECRETS = Secrets("admin@example.com", "admin password", "a secret of thirty-two characters")
LONG_KEY = "audio/" + "/".join(["x" * 150] * 5) + "/a.wav"
USERS: list[dict[str, object]] = [{"_id": "usr_1", "email": "ada@example.com"}, {"_id": "usr_2", "hash": b"\0\1"}]


def quiet(step: str, done: int, total: int | None) -> None: ...


def unasked() -> str:
    raise AssertionError("no passphrase is needed")


def write(path: Path, *, keys: Keys | None = None) -> Archive:
    """Write an archive with two objects and two documents."""
    with path.open("w+b") as file:
        writer = ArchiveWriter(file, Header.create("embedded", keys), keys, path.parent)
        if keys is not None:
            writer.add_secrets(SECRETS)
        writer.add("objects/audio/a.wav", io.BytesIO(b"RIFF" * 300), mime="audio/wav")
        writer.add(f"objects/{LONG_KEY}", io.BytesIO(b"long"), mime="audio/wav")
        writer.add("databases/auth/users.jsonl", io.BytesIO(b"".join(encode(user) + b"\n" for user in USERS)))
        writer.finish({"objects": 2, "documents": 2}, [])
        writer.close()
    return verify(path, lambda: PASSPHRASE, quiet)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "echo.tar"
    write(path, keys=Keys.derive(PASSPHRASE))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "plain.tar"
    write(path)
    return path


def test_everything_is_read_back(sealed: Path) -> None:
    found = verify(sealed, lambda: PASSPHRASE, quiet)

    assert found.secrets == SECRETS
    assert found.describe()["objects"] == 2
    with open_contents(found) as parts:
        read = {part.key or part.collection: (member.labels, member.content.read()) for part, member in parts}
    assert read["audio/a.wav"] == ({"mime": "audio/wav"}, b"RIFF" * 300)
    assert read[LONG_KEY] == ({"mime": "audio/wav"}, b"long")
    with open_contents(found) as parts:
        assert [list(read_documents(member)) for part, member in parts if part.kind == "database"] == [USERS]


def test_any_tar_program_lists_an_archive(sealed: Path) -> None:
    with tarfile.open(sealed) as tar:
        assert tar.getnames()[:2] == ["header.json", "secrets"]
        assert tar.getnames()[-2:] == ["members.jsonl", "manifest.json"]
        assert f"objects/{LONG_KEY}" in tar.getnames()


def test_secrets_are_encrypted(sealed: Path) -> None:
    for secret in (SECRETS.admin_password, SECRETS.auth_secret, PASSPHRASE):
        assert secret.encode() not in sealed.read_bytes()


def test_a_wrong_passphrase_is_refused(sealed: Path) -> None:
    with pytest.raises(PassphraseError, match="not the one"):
        verify(sealed, lambda: "another passphrase", quiet)


def test_a_short_passphrase_is_refused_for_a_new_archive() -> None:
    with pytest.raises(PassphraseError, match="12 characters"):
        Keys.derive("short")


def test_every_truncation_is_found(archive: Path) -> None:
    whole = archive.read_bytes()
    for size in range(0, len(whole), 256):
        archive.write_bytes(whole[:size])
        with pytest.raises(ArchiveError):
            verify(archive, unasked, quiet)


def test_every_changed_byte_is_found(archive: Path) -> None:
    whole = archive.read_bytes()
    for place in range(0, len(whole), 61):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        archive.write_bytes(damaged)
        with pytest.raises(CannotStartError):
            verify(archive, lambda: PASSPHRASE, quiet)


def rewrite(archive: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write the archive again with changed members, as an attacker or another program does."""
    with tarfile.open(archive) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    with tarfile.open(archive, "w") as tar:
        for info, content in members:
            changed = change(info.name, content)
            if changed is not None:
                info.size = len(changed)
                tar.addfile(info, io.BytesIO(changed))


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("objects/audio/a.wav", lambda content: content.replace(b"RIFF", b"RIFX", 1), "objects/audio/a.wav differs"),
        ("objects/audio/a.wav", lambda _: None, "damaged"),
        ("databases/auth/users.jsonl", lambda content: content.replace(b"ada", b"eve"), "users.jsonl differs"),
        ("databases/auth/users.jsonl", lambda content: content + b"not JSON\n", "damaged"),
        ("databases/auth/users.jsonl", lambda content: content[:-1], "incomplete line"),
        ("members.jsonl", lambda content: content[: content.rindex(b"{")], "damaged"),
        ("manifest.json", lambda content: content.replace(b'"objects":2', b'"objects":3'), "manifest was changed"),
        ("manifest.json", lambda content: b"[]", "damaged"),
        ("header.json", lambda content: content.replace(b"embedded", b"embezzle"), "header.json differs"),
    ],
)
@pytest.mark.parametrize("keys", ["plain", "sealed"])
def test_changed_members_are_named(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    name: str,
    change: Callable[[bytes], bytes | None],
    sentence: str,
    keys: str,
) -> None:
    archive = copy_of(request.getfixturevalue("sealed" if keys == "sealed" else "archive"), tmp_path)
    rewrite(archive, lambda found, content: change(content) if found == name else content)
    _trim(archive)

    with pytest.raises(ArchiveError, match=sentence):
        verify(archive, lambda: PASSPHRASE, quiet)


def _trim(archive: Path) -> None:
    """Remove the padding that other programs add at the end."""
    content = archive.read_bytes()
    archive.write_bytes(content.rstrip(b"\0") + bytes(-len(content.rstrip(b"\0")) % 512) + bytes(1024))


def forge(archive: Path, change: Callable[[str, bytes], bytes], *, mac: bool, **labels: str) -> None:
    """Write changed members with a list and a manifest that match them, as an attacker does who lacks the passphrase.

    `mac` keeps the authentication code; without it, the manifest has a digest that needs no passphrase. `labels` go to the audio.
    """
    with tarfile.open(archive) as tar:
        members = [(info, change(info.name, tar.extractfile(info).read())) for info in tar]  # type: ignore[union-attr]
    listed = b""
    with tarfile.open(archive, "w") as tar:
        for info, content in members:
            if info.name == "objects/audio/a.wav":
                info.pax_headers = {**info.pax_headers, **{f"ECHO.{name}": value for name, value in labels.items()}}
            if info.name == "members.jsonl":
                text = listed
            elif info.name == "manifest.json":
                facts = json.loads(content)
                kept = facts.pop("mac")
                facts["members_sha256"] = sha256(listed).hexdigest()
                text = encode_facts({**facts, "mac": kept if mac else sha256(encode_facts(facts)).hexdigest()})
            else:
                text = content
                known = {name[5:]: value for name, value in info.pax_headers.items() if name.startswith("ECHO.")}
                listed += encode_entry(info.name, len(text), sha256(text).hexdigest(), known)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    _trim(archive)


def other_audio(name: str, content: bytes) -> bytes:
    return b"RIFX" * 300 if name == "objects/audio/a.wav" else content


def unsealed(name: str, content: bytes) -> bytes:
    return encode_facts({**json.loads(content), "salt": None, "check": None}) if name == "header.json" else content


def copy_of(archive: Path, folder: Path) -> Path:
    return Path(shutil.copy(archive, folder / "copy.tar"))


@pytest.mark.parametrize("mac", [True, False])
def test_a_forged_archive_is_refused_although_its_list_matches(sealed: Path, tmp_path: Path, mac: bool) -> None:
    forged = copy_of(sealed, tmp_path)
    forge(forged, other_audio, mac=mac)

    with pytest.raises(ArchiveError, match="manifest was changed"):
        verify(forged, lambda: PASSPHRASE, quiet)


def test_a_label_cannot_replace_the_checksum_of_a_member(sealed: Path, tmp_path: Path) -> None:
    forged = copy_of(sealed, tmp_path)
    with tarfile.open(forged) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    with tarfile.open(forged, "w") as tar:
        for info, content in members:
            changed = other_audio(info.name, content)
            if changed != content:
                info.pax_headers = {**info.pax_headers, "ECHO.sha256": sha256(content).hexdigest()}
            tar.addfile(info, io.BytesIO(changed))
    _trim(forged)

    with pytest.raises(ArchiveError, match="unknown labels"):
        verify(forged, lambda: PASSPHRASE, quiet)


def test_an_unknown_label_is_refused_in_a_list_that_matches(archive: Path) -> None:
    forge(archive, other_audio, mac=False)
    verify(archive, unasked, quiet)
    forge(archive, other_audio, mac=False, name="objects/audio/b.wav")

    with pytest.raises(ArchiveError, match="unknown labels"):
        verify(archive, unasked, quiet)


def test_members_behind_the_list_are_refused(sealed: Path, tmp_path: Path) -> None:
    forged = copy_of(sealed, tmp_path)
    with tarfile.open(forged) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    with tarfile.open(forged, "w") as tar:
        for info, content in members:
            if info.name == "manifest.json":
                added = tarfile.TarInfo("objects/audio/added.wav")
                added.size = 4
                tar.addfile(added, io.BytesIO(b"RIFF"))
            tar.addfile(info, io.BytesIO(content))
    _trim(forged)

    with pytest.raises(ArchiveError, match="behind their list"):
        verify(forged, lambda: PASSPHRASE, quiet)


def test_an_archive_without_its_secrets_is_refused_where_a_passphrase_is_configured(sealed: Path, tmp_path: Path) -> None:
    forged = copy_of(sealed, tmp_path)
    rewrite(forged, lambda name, content: None if name == "secrets" else unsealed(name, content))
    forge(forged, other_audio, mac=False)

    verify(forged, unasked, quiet)
    with pytest.raises(ArchiveError, match="does not protect it from forgery"):
        verify(forged, unasked, quiet, sealed=True)
    verify(sealed, lambda: PASSPHRASE, quiet, sealed=True)


def test_an_archive_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(__file__, arcname="test.py")
    with pytest.raises(ArchiveError, match="is not an archive of Echo"):
        verify(path, unasked, quiet)
    path.write_bytes(os.urandom(4096))
    with pytest.raises(ArchiveError, match="is no archive of Echo"):
        verify(path, unasked, quiet)


def test_a_newer_format_is_refused(archive: Path) -> None:
    def newer(name: str, content: bytes) -> bytes:
        return (
            json.dumps({**json.loads(content), "format": 2, "echo_version": "9.1"}).encode()
            if name == "header.json"
            else content
        )

    rewrite(archive, newer)
    with pytest.raises(ArchiveError, match=r"restore it with Echo 9\.1"):
        verify(archive, unasked, quiet)


@pytest.mark.parametrize(
    "name",
    [
        "objects/../../etc/passwd",
        "objects//etc/passwd",
        "databases/../x.jsonl",
        "databases/unknown/users.jsonl",
        "/etc/passwd",
        "x",
    ],
)
def test_names_that_are_no_part_of_a_backup_are_refused(archive: Path, name: str) -> None:
    with tarfile.open(archive) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    with tarfile.open(archive, "w") as tar:
        for info, content in members:
            info.name = name if info.name == "objects/audio/a.wav" else info.name
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(ArchiveError, match="not part of a backup"):
        verify(archive, unasked, quiet)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE])
def test_members_that_are_no_plain_files_are_refused(archive: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("objects/audio/link")
    info.type, info.linkname = kind, "/etc/passwd" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
    archive.write_bytes(_header_of(archive) + info.tobuf() + bytes(1024))
    with pytest.raises(ArchiveError):
        verify(archive, unasked, quiet)


def test_headers_and_members_larger_than_the_archive_are_refused(archive: Path) -> None:
    large = tarfile.TarInfo("objects/audio/large")
    large.size = 2**40
    extended = tarfile.TarInfo("PaxHeaders/large")
    extended.type, extended.size = tarfile.XHDTYPE, 2**30
    start = _header_of(archive)
    for info in (large, extended):
        archive.write_bytes(start + info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
        with pytest.raises(ArchiveError, match=r"truncated|too large"):
            verify(archive, unasked, quiet)


def _header_of(archive: Path) -> bytes:
    """Return the beginning of an archive with its first member."""
    with tarfile.open(archive) as tar:
        second = tar.getmembers()[1]
        content = archive.read_bytes()
    return content[: second.offset]
