"""Settings of the voice service."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan
from echo_common.settings import CommaSeparated, settings_config


class VoiceSettings(BaseSettings):
    """Settings of samples, training and consent."""

    model_config = settings_config("ECHO_VOICE_")

    vectors_url: str = Field(
        "file:///var/lib/echo/vectors",
        description="Qdrant URL: file:///folder (for a single process) or http(s)://host:6333.",
        pattern=r"^(file|https?)://",
    )
    synthesis_url: str | None = Field(
        None, description="URL of the synthesis service, for the voices and the speech of echos; if unset, echos do not speak."
    )
    echos_per_user: int = Field(1_000, ge=1, le=100_000, description="Maximum number of echos of a user.")
    vectors_api_key: SecretStr | None = Field(None, description="Qdrant API key; optional.")
    models: Path = Field(Path("/var/lib/echo/models"), description="Folder of the speech models.")
    providers: CommaSeparated = Field(
        ("local", "fish"), description="Enabled providers of voice models, comma-separated; the first ready one is the default."
    )
    consent: Literal["attestation", "spoken"] = Field(
        "attestation", description="Required consent: attestation (a statement), or spoken (a random phrase read aloud)."
    )
    consent_similarity: float = Field(
        0.70, ge=0, le=1, description="Minimum similarity of a spoken consent and the samples (cosine of the speaker encoder)."
    )
    upload_bytes: int = Field(50 * 1024**2, ge=1024, description="Maximum size of a sample in bytes.")
    longest_seconds: float = Field(600.0, ge=1, description="Maximum duration of a sample in seconds.")
    decode_seconds: float = Field(60.0, ge=1, description="Maximum processor time for decoding a sample in seconds.")
    decode_memory: int = Field(1024**3, ge=256 * 1024**2, description="Address space of the decoder process in bytes.")
    measure_seconds: float = Field(300.0, ge=1, description="Maximum time for measuring a sample in seconds.")
    recogniser: bool = Field(
        True, description="Transcribe samples, recorded messages and spoken conversations; needs the extra `recogniser`."
    )
    samples_at_once: int = Field(1, ge=1, le=64, description="Samples that this process measures concurrently.")
    trainings_at_once: int = Field(
        1, ge=1, le=64, description="Voice models that this process trains concurrently; remote trainings do not count."
    )
    lease_seconds: float = Field(15.0, ge=1, le=600, description="Task lease duration in seconds.")
    training_seconds: float = Field(1_800.0, ge=10, description="Maximum duration of a training in seconds.")
    chat_context_characters: int = Field(
        12_000,
        ge=2_000,
        le=1_000_000,
        description="Characters of persona, summary and recent messages that the language model gets with a message.",
    )
    talk_at_once: int = Field(
        8,
        ge=1,
        le=1_000,
        description="Spoken conversations that this process holds concurrently; each has a process of 0.1 GB.",
    )
    talk_per_user: int = Field(2, ge=1, le=100, description="Concurrent spoken conversations of a user in this process.")
    talk_longest_seconds: float = Field(
        1_800.0, ge=1, le=86_400, description="Maximum duration of a spoken conversation in seconds."
    )
    talk_recognisers: int = Field(
        1, ge=1, le=64, description="Processes that transcribe spoken conversations; each needs 0.3 GB once it was used."
    )
    anonymous_uploads: bool = Field(
        False, description="Allow Echo API uploads without a token; nothing of them is stored here."
    )
    anonymous_uploads_at_once: int = Field(
        2, ge=1, le=64, description="Concurrent uploads without a token that this process accepts."
    )
    anonymous_uploads_a_day: int = Field(
        50, ge=0, description="Uploads without a token per day in total, including failed ones; 0 disables the limit."
    )


REPLACED: Mapping[str, str] = MappingProxyType({"ECHO_VOICE_UPLOADS_A_DAY": QUOTAS[Metric.UPLOADS][Plan.USER].key})
"""System settings by the name of the environment setting that they replace."""
