"""Tasks of the voice service: samples to process and voice models to train."""

from abc import abstractmethod

from echo_common.contracts.values import JobStatus
from echo_common.work.task import Progress, Task


class VoiceTask(Task):
    """An aggregate with work for a worker.

    `steps_reached` is the maximum of `steps_done` in all attempts: only steps beyond it are progress.
    """

    status_field = "work"

    work: JobStatus = JobStatus.PENDING
    steps_done: int = 0
    steps_total: int = 1
    steps_reached: int = 0
    note: str | None = None

    @property
    def progress(self) -> int:
        """Progress in per cent; 100 only once completed."""
        return self.percent(self.steps_done, self.steps_total)

    def restart(self) -> None:
        """Queue an ended task again, without its losses and progress."""
        self.steps_reached = 0
        super().restart()

    def on_claimed(self) -> None:
        """Record that an attempt starts at the first step."""
        self.steps_done = 0
        self.on_step()

    def on_progress(self, progress: Progress) -> bool:
        """Save the steps and the note; return whether the steps exceed those of all attempts before."""
        further = progress.done > self.steps_reached
        self.steps_reached = max(self.steps_reached, progress.done)
        steps = (progress.done, progress.total, progress.note)
        if steps != (self.steps_done, self.steps_total, self.note):
            self.steps_done, self.steps_total, self.note = steps
            self.on_step()
        return further

    @abstractmethod
    def on_step(self) -> None:
        """Record the step that the attempt is at."""
