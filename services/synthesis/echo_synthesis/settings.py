"""Settings of synthesis."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from echo_common.settings import settings_config


class SynthesisSettings(BaseSettings):
    """What an operator may decide about speech."""

    model_config = settings_config("ECHO_SYNTHESIS_")

    engines: Annotated[tuple[str, ...], NoDecode] = Field(
        ("kokoro", "piper", "gemini", "fish"),
        description="Engines to offer, comma separated; cloud engines once they have a key.",
    )
    models: Path = Field(Path("/var/lib/echo/models"), description="Folder that holds the speech models.")
    workers: int | None = Field(
        None, ge=1, le=64, description="Engine processes per engine; measured on this machine when unset."
    )
    speak_seconds: float = Field(
        30.0,
        ge=1,
        le=3_600,
        description="How long an engine may take over one sentence, besides a quarter of a second for each of its characters; then "
        "its process is ended.",
    )
    recogniser: str = Field(
        "auto",
        description="Finds word times for engines that give none: auto (the packaged one, when installed), off, or the folder of "
        "a Whisper model for CTranslate2.",
    )
    fallback: Annotated[Mapping[str, str], NoDecode] = Field(
        default_factory=dict,
        description="The voice to speak with when an engine cannot, comma separated: gemini:af_heart,fish:af_heart.",
    )
    default_voice: str = Field("af_heart", description="The voice when a request names none.")
    max_characters: int = Field(100_000, ge=1, le=1_000_000, description="Longest text of one request.")
    longest_pause: float = Field(10.0, ge=0, le=60, description="Longest single pause that a text may ask for, in seconds.")
    jobs_at_once: int = Field(
        16,
        ge=1,
        le=256,
        description="Jobs this process runs at the same time; half of that room is for users of whom none runs.",
    )
    lease_seconds: float = Field(15.0, ge=1, le=600, description="A worker silent for so long has lost its job.")
    mark: Literal["cloned", "all"] = Field(
        "cloned", description="Whose speech is marked (a signed C2PA manifest, a record): cloned voices', or all."
    )
    c2pa_certificate: Path | None = Field(
        None,
        description="PEM file of a certificate to sign manifests with, followed by those above it; one made at the first start "
        "when unset.",
    )
    c2pa_key: Path | None = Field(None, description="PEM file of that certificate's key.")
    verify_bytes: int = Field(50 * 1024**2, ge=1024, description="Largest file taken to find out where it comes from.")
    plan_inline_characters: int = Field(
        2_000,
        ge=0,
        le=100_000,
        description="Longest text that is planned within the service; longer ones are planned in processes bounded in time and memory.",
    )
    plan_seconds: float = Field(
        30.0, ge=0.001, le=600, description="Longest time to plan a text in such a process, in seconds; then it is ended."
    )
    plan_processes: int = Field(
        2, ge=1, le=64, description="Number of processes that plan long texts; they start when first needed."
    )
    cache_bytes: int = Field(2 * 1024**3, ge=0, description="Room for spoken sentences that may be used again; 0 keeps none.")
    cache_shared: bool = Field(
        True,
        description="Whether users share cached sentences of built-in and public voices. False: a user's response time tells "
        "nothing about what others have had spoken.",
    )

    @field_validator("fallback", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition(":") for part in value.split(",") if part.strip()]
        if not all(engine.strip() and voice.strip() for engine, _, voice in pairs):
            raise ValueError("it must be pairs such as gemini:af_heart")
        return {engine.strip(): voice.strip() for engine, _, voice in pairs}

    @field_validator("engines", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise ValueError("c2pa_certificate and c2pa_key belong together: set both or none")
        return self
