"""Settings of synthesis."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from echo_common.settings import CommaSeparated, settings_config


class SynthesisSettings(BaseSettings):
    """Settings of synthesis."""

    model_config = settings_config("ECHO_SYNTHESIS_")

    engines: CommaSeparated = Field(
        ("kokoro", "piper", "gemini", "fish"),
        description="Engines to offer, comma separated; cloud engines are offered once they have a key.",
    )
    models: Path = Field(Path("/var/lib/echo/models"), description="Folder that holds the speech models.")
    workers: int | None = Field(
        None, ge=1, le=64, description="Engine processes per engine; unset: derived from the number of processors."
    )
    speak_seconds: float = Field(
        30.0,
        ge=1,
        le=3_600,
        description="Time limit of one sentence in seconds, plus 0.25 s for each of its characters; an engine process that "
        "exceeds it is ended.",
    )
    recogniser: str = Field(
        "auto",
        description="Source of word timings for engines without their own: auto (the packaged one, if installed), off, or the "
        "folder of a Whisper model for CTranslate2. Without it the quality gate compares no speech with its text.",
    )
    quality_gate: Literal["off", "requested", "calibrated"] = Field(
        "requested",
        description="Stored speech that the recogniser compares with its text, so that bad segments are spoken again: off (none), "
        "requested (with `quality_check`), calibrated (all in calibrated languages). It needs the model of "
        "ECHO_SYNTHESIS_RECOGNISER. Silence, clipping and duration are always checked.",
    )
    quality_processes: int = Field(
        1, ge=1, le=64, description="Number of recogniser processes that compare speech with texts; they start on demand."
    )
    fallback: Annotated[Mapping[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Fallback voices by engine, used if the engine fails, comma separated: gemini:af_heart,fish:af_heart.",
    )
    default_voice: str = Field("af_heart", description="Voice of requests that name none.")
    max_characters: int = Field(100_000, ge=1, le=1_000_000, description="Maximum length of a request's text in characters.")
    longest_pause: float = Field(10.0, ge=0, le=60, description="Maximum length of a single pause in a text, in seconds.")
    jobs_at_once: int = Field(
        16,
        ge=1,
        le=256,
        description="Number of concurrent jobs per process; half of the slots are reserved for users without a running job.",
    )
    lease_seconds: float = Field(15.0, ge=1, le=600, description="Job lease duration in seconds.")
    mark: Literal["cloned", "all"] = Field(
        "cloned", description="Speech to sign with a C2PA manifest and to record: cloned (cloned voices only) or all."
    )
    c2pa_certificate: Path | None = Field(
        None,
        description="PEM file of the certificate that signs manifests, followed by its chain; unset: one generated at the "
        "first start.",
    )
    c2pa_key: Path | None = Field(None, description="PEM file of that certificate's private key.")
    verify_bytes: int = Field(50 * 1024**2, ge=1024, description="Maximum size in bytes of a file to verify.")
    plan_inline_characters: int = Field(
        2_000,
        ge=0,
        le=100_000,
        description="Maximum length in characters of a text that is planned within the service; longer ones are planned in "
        "sandboxed processes.",
    )
    plan_seconds: float = Field(
        30.0, ge=0.001, le=600, description="Time limit for planning a text in such a process, in seconds; then it is ended."
    )
    plan_processes: int = Field(2, ge=1, le=64, description="Number of processes that plan long texts; they start on demand.")
    echo_wait_seconds: float = Field(
        2.0,
        ge=0,
        le=10,
        description="Maximum time in seconds that a request waits for the event of an echo that was just created.",
    )
    cache_bytes: int = Field(2 * 1024**3, ge=0, description="Speech cache size in bytes; 0 disables it.")
    keep_segments: bool = Field(
        True,
        description="Keep the segments of each audio, and a lossless copy of lossy audio, so that segments can be replaced.",
    )
    earlier_revisions: int = Field(
        10, ge=0, le=100, description="Number of earlier revisions of an audio that are kept; the oldest are removed."
    )
    cache_shared: bool = Field(
        True,
        description="Share cached sentences of built-in and public voices between users. False: response times reveal nothing "
        "about other users' requests.",
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

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise ValueError("ECHO_SYNTHESIS_C2PA_CERTIFICATE and ECHO_SYNTHESIS_C2PA_KEY belong together; set both, or none")
        return self
