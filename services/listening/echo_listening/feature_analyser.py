"""Port of the analysis of audio: from a file to audio features."""

from pathlib import Path
from typing import Protocol

from echo_common.errors import EchoError
from echo_listening.domain.features import TrackFeatures


class FeatureAnalysisFailedError(EchoError):
    """The audio features could not be computed. Request them again."""

    code = "FEATURE_ANALYSIS_FAILED"
    status = 500


class FeatureAnalyser(Protocol):
    """Analyser of audio features. It decodes and computes in a sandboxed process, because files of users are untrusted."""

    async def analyse(self, path: Path) -> TrackFeatures:
        """Compute the features of an audio file of any supported format, which its content tells.

        At most the first `ECHO_LISTENING_ANALYSED_SECONDS` are read, in bounded memory. A cancellation ends the process.

        Raises:
            TrackNotAudioError: The file has no audio that can be decoded.
            FeatureAnalysisFailedError: The process crashed or reached a limit, or a value is not finite or out of range.
        """
