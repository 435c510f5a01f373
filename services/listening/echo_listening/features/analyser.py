"""Analyser of audio features that decodes and computes in a sandboxed process."""

from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from echo_common.audio_files.formats import sniff
from echo_common.contracts.errors.tracks import TrackNotAudioError
from echo_common.errors import UnsupportedMediaError
from echo_common.sandbox import run_sandboxed
from echo_listening.domain.features import TrackFeatures
from echo_listening.feature_analyser import FeatureAnalyser, FeatureAnalysisFailedError
from echo_listening.settings import ListeningSettings

_PROCESS: Final = "echo_listening.features"
_STARTING_SECONDS: Final = 30.0
_LONGEST_REASON: Final = 200


class SandboxedFeatureAnalyser(FeatureAnalyser):
    """Analyser that starts a process for each file, with limits of address space and processor time, without a network."""

    def __init__(self, settings: ListeningSettings) -> None:
        self.settings = settings

    async def analyse(self, path: Path) -> TrackFeatures:
        """Compute the features of a file; see `FeatureAnalyser`."""
        try:
            container = sniff(path)
        except UnsupportedMediaError as error:
            raise TrackNotAudioError(error.message) from error
        settings = self.settings
        limits = (settings.analysed_seconds, settings.analysis_memory, settings.analysis_seconds)
        wall = 2 * settings.analysis_seconds + _STARTING_SECONDS
        return _read(await run_sandboxed(_PROCESS, container.demuxer, path, *limits, seconds=wall))


def _read(response: dict[str, Any] | None) -> TrackFeatures:
    """Return the features in a response, which an attacker may have written. Raises as `FeatureAnalyser.analyse`."""
    if response is None:
        raise FeatureAnalysisFailedError
    if isinstance(reason := response.get("refused"), str):
        raise TrackNotAudioError(reason[:_LONGEST_REASON])
    try:
        return TrackFeatures.model_validate(response.get("features"), strict=True)
    except ValidationError as error:
        raise FeatureAnalysisFailedError from error
