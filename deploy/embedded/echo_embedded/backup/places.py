"""Addresses of a platform's data, from the data folder, a running platform or the settings."""

from dataclasses import dataclass

from pydantic import SecretStr

from echo_embedded.data_folder import CannotStartError, DataFolder, Secrets
from echo_embedded.settings import BackupSettings


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses of databases, objects, vectors and bus. `form` is `embedded` or `distributed`."""

    form: str
    database_url: str
    objects_url: str
    vectors_url: str
    bus_url: str | None = None
    database_prefix: str = ""
    objects_access_key: SecretStr | None = None
    objects_secret_key: SecretStr | None = None
    vectors_api_key: str | None = None

    def database(self, service: str) -> str:
        """Return the name of a service's database."""
        return self.database_prefix + service

    @classmethod
    def of_folder(cls, folder: DataFolder) -> "Places":
        """Return the places of a platform in one process."""
        return cls("embedded", folder.database_url, folder.objects.as_uri(), folder.vectors.as_uri())

    @classmethod
    def configured(cls, settings: BackupSettings) -> "Places":
        """Return the places that the settings name. Raises `CannotStartError` if some are missing."""
        needed = {
            "DATABASE_URL": settings.database_url,
            "OBJECTS_URL": settings.objects_url,
            "VECTORS_URL": settings.vectors_url,
        }
        if missing := [f"ECHO_BACKUP_{name}" for name, value in needed.items() if value is None]:
            raise CannotStartError(f"A distributed platform needs {' and '.join(missing)}.")
        return cls(
            "distributed",
            _plain(settings.database_url) or "",
            settings.objects_url or "",
            settings.vectors_url or "",
            _plain(settings.bus_url),
            settings.database_prefix,
            settings.objects_access_key,
            settings.objects_secret_key,
            _plain(settings.vectors_api_key),
        )


def find_places(folder: DataFolder, settings: BackupSettings) -> Places:
    """Return the places to back up: those of the settings, else of the platform on the data folder.

    Raises `CannotStartError` if there is no platform.
    """
    if settings.database_url is not None:
        return Places.configured(settings)
    running = folder.running()
    if running is not None and running.places:
        return Places(
            "distributed",
            running.places["database"],
            running.places["objects"],
            folder.vectors.as_uri(),
            running.places["bus"],
            objects_access_key=SecretStr(running.places["objects_access_key"]),
            objects_secret_key=SecretStr(running.places["objects_secret_key"]),
        )
    if folder.mongodb.exists() and not any(folder.database.glob("*.sqlite3")):
        raise CannotStartError(f"Start `echoctl local` on the data folder {folder.path} before its backup.")
    if not any(folder.database.glob("*.sqlite3")):
        raise CannotStartError(f"There is no platform in the data folder {folder.path}. Name its folder with --data.")
    return Places.of_folder(folder)


def find_secrets(folder: DataFolder, settings: BackupSettings) -> Secrets | None:
    """Return the platform's secrets: those of the settings, else of the data folder; None if there are none."""
    if settings.auth_secret is not None:
        return Secrets(
            settings.admin_email,
            _plain(settings.admin_password) or "",
            settings.auth_secret.get_secret_value(),
            _plain(settings.feedback_secret) or "",
        )
    return None if settings.database_url is not None else folder.known_secrets()


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
