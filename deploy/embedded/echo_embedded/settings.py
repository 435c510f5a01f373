"""Settings of the host that runs Echo on one machine."""

from pathlib import Path

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


class HostSettings(BaseSettings):
    """Settings of a platform on one machine. Options of `echoctl` take precedence."""

    model_config = settings_config("ECHO_")

    data: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("echo", appauthor=False),
        description="Folder of the database, objects, secrets and logs; by default in the user's data folder.",
    )
    models: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("echo", appauthor=False) / "models",
        description="Folder of the speech models; by default in the user's cache folder.",
    )
    host: str = Field("127.0.0.1", description="Listen address of the public API.")
    port: int = Field(8080, ge=0, le=65535, description="Listen port of the public API; 0 picks a free port.")
    ca_file: Path | None = Field(
        None, description="File with the certificates that echoctl trusts at --server; the system's when unset."
    )


class BackupSettings(BaseSettings):
    """Settings of `echoctl backup` and `restore`. A platform on one machine needs only the passphrase."""

    model_config = settings_config("ECHO_BACKUP_")

    passphrase: SecretStr | None = Field(
        None, description="Passphrase that encrypts the secrets in archives: 12 characters or more; keep it elsewhere."
    )
    database_url: SecretStr | None = Field(
        None, description="Database URL with a login that reads and writes the databases of all services: mongodb://…"
    )
    database_prefix: str = Field("", pattern=r"^[a-z0-9_]{0,32}$", description="Prefix of each service's database name.")
    bus_url: SecretStr | None = Field(
        None, description="Bus URL with a login for all queues: amqp://…; unset leaves out events that are not handled yet."
    )
    objects_url: str | None = Field(None, description="Object storage URL, as ECHO_OBJECTS_URL.")
    objects_access_key: SecretStr | None = Field(None, description="Access key for s3:// storage.")
    objects_secret_key: SecretStr | None = Field(None, description="Secret key for s3:// storage.")
    vectors_url: str | None = Field(None, description="Qdrant URL, as ECHO_VOICE_VECTORS_URL.")
    vectors_api_key: SecretStr | None = Field(None, description="Qdrant API key; optional.")
    auth_secret: SecretStr | None = Field(None, description="ECHO_AUTH_SECRET of the platform, which goes into the archive.")
    feedback_secret: SecretStr | None = Field(
        None, description="ECHO_FEEDBACK_SECRET of the platform, which goes into the archive."
    )
    admin_email: str = Field("admin@echo.internal", description="ECHO_AUTH_ADMIN_EMAIL of the platform.")
    admin_password: SecretStr | None = Field(None, description="ECHO_AUTH_ADMIN_PASSWORD of the platform.")
