"""Tasks of every service, for suites that run on each kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from echo_common.outbox.relay import Relay
from echo_common.store.port import Store
from echo_common.work.repository import TaskRepository
from echo_common.work.task import Task
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.repository import Jobs
from echo_voice.domain.samples import Sample, StoredFile
from echo_voice.domain.values import Measures, TrainingOptions
from echo_voice.domain.voice_models import TrainingResult, VoiceModel
from echo_voice.repository import Samples, VoiceModels
from tests.integration.outbox.counters import RecordingBus

FILE = StoredFile(key="samples/vs_1/original", mime="audio/wav", size=1, checksum="c")
STEPS = 150


@dataclass(frozen=True)
class Kind:
    """A kind of task: how it is queued, completed and queued again, and the repository that stores it."""

    service: str
    repository: type[TaskRepository[Any]]
    queue: Callable[[], Task]
    complete: Callable[[Any, int], object]
    retry: Callable[[Any], None]

    def open(self, store: Store) -> TaskRepository[Any]:
        return self.repository(store, Relay(RecordingBus()))


def _job() -> Job:
    settings = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US")
    return Job.queue("usr_ada", "One. Two. Three.", settings, word_count=3, units_total=STEPS)


def _training() -> VoiceModel:
    return VoiceModel.request(
        "usr_ada",
        name="Me",
        provider="tone",
        language="en",
        sample_ids=["vs_1"],
        consent_id="cns_1",
        config=TrainingOptions(),
    )


def _sample() -> Sample:
    return Sample.upload("vs_1", "usr_ada", FILE, name="me.wav", description=None, language=None)


def _accept(sample: Sample, attempt: int) -> None:
    quality = Measures(duration=1.0, speech_seconds=1.0, clipping=0.0, sample_rate=24_000, channels=1)
    sample.accept(attempt, FILE, quality, (), transcript=None, embedding=None, duplicate_of=None)


JOB = Kind("synthesis", Jobs, _job, lambda job, attempt: job.complete(attempt, job.audio_key, 1.0), Job.retry)
TRAINING = Kind(
    "voice",
    VoiceModels,
    _training,
    lambda model, attempt: model.complete(attempt, TrainingResult(engine="tone", reference="tone_low")),
    VoiceModel.train_again,
)
SAMPLE = Kind("voice", Samples, _sample, _accept, Sample.process_again)
KINDS = {"job": JOB, "training": TRAINING, "sample": SAMPLE}
