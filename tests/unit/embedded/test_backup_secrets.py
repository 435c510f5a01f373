"""The secrets of an archive in a file of settings."""

from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import SecretStr

from echo_embedded.backup.archive import Archive, Header, Manifest
from echo_embedded.backup.run import _required_secrets, _write_secrets
from echo_embedded.data_folder import CannotStartError, DataFolder, Secrets
from echo_embedded.settings import BackupSettings


def archive_with(password: str) -> Archive:
    secrets = Secrets("admin@example.com", password, "a secret", "another secret")
    return Archive(Path("echo.tar"), Header.create("embedded", None), Manifest(0, 0, {}, [], ""), secrets)


@pytest.mark.parametrize("password", ["pa$$word ${HOME}", "a # b", "it's", 'say "hi"', " spaces ", "back\\slash \\n", "ö", ""])
def test_every_character_of_a_password_is_read_back(tmp_path: Path, password: str) -> None:
    file = tmp_path / "secrets.env"

    _write_secrets(archive_with(password), file)

    assert dotenv_values(file, interpolate=False) == {
        "ECHO_AUTH_SECRET": "a secret",
        "ECHO_FEEDBACK_SECRET": "another secret",
        "ECHO_AUTH_ADMIN_EMAIL": "admin@example.com",
        "ECHO_AUTH_ADMIN_PASSWORD": password,
    }
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("password", ["two\nlines", "end\\", "two\\\\", "quote\\'"])
def test_a_password_that_no_file_can_hold_is_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(CannotStartError, match="ECHO_AUTH_ADMIN_PASSWORD has"):
        _write_secrets(archive_with(password), tmp_path / "secrets.env")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> BackupSettings:
    monkeypatch.setenv("ECHO_BACKUP_AUTH_SECRET", "a secret of thirty-two characters")
    return BackupSettings()


def test_a_backup_without_the_secret_of_webhooks_is_refused(settings: BackupSettings, tmp_path: Path) -> None:
    with pytest.raises(CannotStartError, match="set ECHO_BACKUP_FEEDBACK_SECRET"):
        _required_secrets(DataFolder(tmp_path), settings)
    complete = settings.model_copy(update={"feedback_secret": SecretStr("another secret")})
    assert _required_secrets(DataFolder(tmp_path), complete).feedback_secret == "another secret"
