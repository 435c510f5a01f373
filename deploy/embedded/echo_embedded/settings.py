"""Settings of the host that runs Echo on one machine."""

from pathlib import Path

import platformdirs
from pydantic import Field
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
