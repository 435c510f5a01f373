"""Settings of voice."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from echo_common.settings import settings_config


class VoiceSettings(BaseSettings):
    """What an operator may decide about recordings and clones."""

    model_config = settings_config("ECHO_VOICE_")

    vectors_url: str = Field(
        "file:///var/lib/echo/vectors",
        description="Qdrant: file:///folder (held by one process), or http(s)://host:6333.",
        pattern=r"^(file|https?)://",
    )
    vectors_api_key: SecretStr | None = Field(None, description="Key of a Qdrant server that wants one.")
    models: Path = Field(Path("/var/lib/echo/models"), description="Folder that holds the speech models.")
    providers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("local", "fish"), description="Who may make clones, comma separated; the first that is ready is the default."
    )
    consent: Literal["attestation", "spoken"] = Field(
        "attestation", description="How a speaker's consent is given: attestation, or spoken: a random phrase read out."
    )
    consent_similarity: float = Field(
        0.70, ge=0, le=1, description="How alike a spoken consent and the samples must be (cosine of the speaker encoder)."
    )
    upload_bytes: int = Field(50 * 1024**2, ge=1024, description="Largest recording taken.")
    longest_seconds: float = Field(600.0, ge=1, description="Longest recording taken.")
    decode_seconds: float = Field(60.0, ge=1, description="Processor time that decoding a recording may take.")
    decode_memory: int = Field(1024**3, ge=256 * 1024**2, description="Address space of a decoding process, in bytes.")
    measure_seconds: float = Field(300.0, ge=1, description="Time that measuring a recording may take.")
    recogniser: bool = Field(True, description="Whether recordings are transcribed, where the extra `recogniser` is installed.")
    samples_at_once: int = Field(1, ge=1, le=64, description="Recordings this process measures at the same time.")
    trainings_at_once: int = Field(
        1, ge=1, le=64, description="Clones this process trains at the same time; those that are made elsewhere do not count."
    )
    uploads_a_day: int = Field(100, ge=0, description="Recordings that one user may upload a day; 0 is no limit.")
    lease_seconds: float = Field(15.0, ge=1, le=600, description="A worker silent for so long has lost its work.")
    training_seconds: float = Field(1_800.0, ge=10, description="Longest training.")
    anonymous_uploads: bool = Field(
        False, description="Whether the Echo API makes a reference for callers without a token; nothing of it is kept here."
    )
    anonymous_uploads_at_once: int = Field(
        2, ge=1, le=64, description="Uploads without a token that this process takes at the same time."
    )
    anonymous_uploads_a_day: int = Field(
        50, ge=0, description="Uploads without a token a day, of all callers together and failed ones included; 0 is no limit."
    )

    @field_validator("providers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
