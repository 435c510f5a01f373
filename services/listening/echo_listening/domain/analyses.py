"""Analyses: the audio features of a track, and the task that computes them."""

from datetime import datetime

from echo_common.contracts.events.listening import TrackAnalysed
from echo_common.contracts.values import AnalysisStatus, JobStatus
from echo_common.work.task import Progress, Task
from echo_listening.domain.features import TrackFeatures


class TrackAnalysis(Task):
    """The analysis of a track, whose id it has. `audio_counter` is the revision of the audio that is to be analysed, or was.

    `turn` orders the pending analyses of all users; the repository sets it.

    An analysis that completed without features tells the reason in `error_code` and `error_message`: the track has none.
    """

    status_field = "status"
    noun = "analysis"

    status: JobStatus = JobStatus.PENDING
    audio_counter: int = 0
    turn: datetime | None = None
    features: TrackFeatures | None = None

    @property
    def analysis_status(self) -> AnalysisStatus:
        """The status of the features."""
        if self.status is JobStatus.COMPLETED:
            return AnalysisStatus.UNAVAILABLE if self.features is None else AnalysisStatus.COMPLETE
        return AnalysisStatus.FAILED if self.status is JobStatus.FAILED else AnalysisStatus.PENDING

    def revise(self, audio_counter: int) -> None:
        """Queue the analysis again for a later revision of the audio; an attempt at an earlier one loses its lease."""
        if audio_counter > self.audio_counter:
            self.audio_counter = audio_counter
            self.restart()

    def repeat(self) -> None:
        """Queue the analysis again, unless it is still to be performed."""
        if self.status.terminal:
            self.restart()

    def complete(self, attempt: int, audio_counter: int, features: TrackFeatures) -> None:
        """Save the features. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        self.end(JobStatus.COMPLETED)
        self.audio_counter, self.features = audio_counter, features
        self._record_end()

    def complete_without_features(self, attempt: int, code: str, message: str) -> None:
        """Save the reason for which the track has no features. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        self.end(JobStatus.COMPLETED)
        self.error_code, self.error_message = code, message
        self._record_end()

    def on_queued(self) -> None:
        """Remove the features of an earlier analysis."""
        self.features = None

    def on_claimed(self) -> None:
        """Record nothing: an attempt has no steps."""

    def on_progress(self, progress: Progress) -> bool:
        """Return False: an attempt has no steps."""
        return False

    def on_failed(self, code: str, message: str) -> None:
        """Record that the analysis failed."""
        self._record_end()

    def on_cancelled(self) -> None:
        """Record nothing: an analysis is deleted with its track, and never cancelled."""

    def _record_end(self) -> None:
        self.record(
            TrackAnalysed(track_id=self.id, user_id=self.user_id, status=self.analysis_status, audio_counter=self.audio_counter)
        )
