"""Settings of the host that runs Echo on one machine."""

from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


class HostSettings(BaseSettings):
    """Where one machine's platform keeps things and listens. Options of `echoctl` come before these."""

    model_config = settings_config("ECHO_")

    data: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("echo", appauthor=False),
        description="Folder of the database, the objects, the secrets and the logs; by default the user's data folder.",
    )
    models: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("echo", appauthor=False) / "models",
        description="Folder of the speech models; by default the user's cache folder.",
    )
    host: str = Field("127.0.0.1", description="Address the public API listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the public API listens on; 0 picks a free one.")
