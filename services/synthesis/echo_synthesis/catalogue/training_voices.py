"""Voices in training: their present state can be heard by their owner until the training ends."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotReadyError
from echo_common.contracts.errors.voice import CloneNotFoundError, CloneStateConflictError
from echo_common.contracts.voice_reference import TRAINING_PREFIX, VOICE_MODEL_PREFIX, VoiceReference, present_style_key
from echo_common.storage.port import ObjectNotFoundError, ObjectStore
from echo_synthesis.catalogue.clones import Clones
from echo_synthesis.catalogue.style_folder import StyleFolder
from echo_synthesis.catalogue.voices import CataloguedVoice, VoiceNames
from echo_synthesis.engine import EngineConfig, EngineSpec, EngineVoice

_LANGUAGE = "en"
"""Language of a short preview: trainings use English sentences. Without a region, the style determines the accent."""

_RUNNING = {"pending", "training"}


class TrainingVoices:
    """The present state of voices in training, named `training:vm_…:job_train_…`.

    The voice service stores a style in object storage whenever a voice has improved. It is read for each preview; the copy that
    the engine reads is deleted with the last preview of that voice.
    """

    def __init__(
        self,
        clones: Clones,
        styles: StyleFolder,
        objects: ObjectStore,
        engines: Mapping[str, EngineSpec],
        config: EngineConfig,
        others: Callable[[str], Awaitable[VoiceNames]],
    ) -> None:
        """Read trainings from `clones`; `others` returns the names of other voices."""
        self._clones = clones
        self._styles = styles
        self._objects = objects
        self._engines = engines
        self._config = config
        self._others = others
        self._heard = Counter[str]()

    async def find(self, clone_id: str, user_id: str) -> CataloguedVoice:
        """Return the present state of a user's voice model in training as a voice.

        Raises `CloneNotFoundError`, also for other users' voice models, `CloneStateConflictError` unless it is in training,
        `VoiceNotReadyError` before the first state, `EngineUnavailableError`.
        """
        training = await self._clones.training_of(clone_id, user_id) if clone_id.startswith(VOICE_MODEL_PREFIX) else None
        if training is None:
            raise CloneNotFoundError
        job_id = training.get("job_id", "")  # trainings of an earlier version have none
        details = {"status": training["status"], "progress": training["progress"]}
        if training["status"] not in _RUNNING:
            raise CloneStateConflictError(
                f"The training of the clone is {training['status']}. {_remedy(clone_id, training['status'])}", details=details
            )
        try:
            await self._objects.info(present_style_key(clone_id, job_id))
        except ObjectNotFoundError:
            raise VoiceNotReadyError(
                f"The training ({training['progress']} %) has no voice to hear yet. Try again in half a minute.",
                details=details,
            ) from None
        engine = self._engine()
        name = f"{TRAINING_PREFIX}{clone_id}:{job_id}"
        voice = EngineVoice(name, "Training", _LANGUAGE, "neutral", others=engine.clone_languages)
        return CataloguedVoice(voice, engine, clone=True, private=True)

    async def voice_names(self, voice_id: str) -> VoiceNames:
        """Return the names of a voice, and write the style file of one in training.

        Raises `VoiceNotReadyError` if the training has ended meanwhile, and the errors for other voices.
        """
        if not voice_id.startswith(TRAINING_PREFIX):
            return await self._others(voice_id)
        clone_id, _, job_id = voice_id.removeprefix(TRAINING_PREFIX).partition(":")
        try:
            style = b"".join([block async for block in self._objects.read(present_style_key(clone_id, job_id))])
        except ObjectNotFoundError:
            raise VoiceNotReadyError(
                f"The training has ended meanwhile. GET /api/v1/voice/clones/{clone_id} has its result."
            ) from None
        digest = hashlib.sha256(style).hexdigest()  # engines keep styles by the name of the file
        path = self._styles.training(voice_id, digest)
        await asyncio.to_thread(self._styles.write, path, lambda new: new.write_bytes(style))
        return VoiceNames(f"{voice_id}={digest}", str(VoiceReference("file", str(path))))

    @asynccontextmanager
    async def heard(self, voice_id: str) -> AsyncIterator[None]:
        """Keep the style files of a voice in training while the context lasts."""
        self._heard[voice_id] += 1
        try:
            yield
        finally:
            self._heard[voice_id] -= 1
            if not self._heard[voice_id]:
                del self._heard[voice_id]
                self._styles.delete_training(voice_id)

    def _engine(self) -> EngineSpec:
        """Return the engine that speaks styles. Raises `EngineUnavailableError`."""
        engine = next((engine for engine in self._engines.values() if engine.style_file is not None), None)
        if engine is None:
            raise EngineUnavailableError("No enabled engine speaks voices in training; add kokoro to ECHO_SYNTHESIS_ENGINES.")
        if missing := engine.missing(self._config):
            raise EngineUnavailableError(f"The engine {engine.name} lacks {missing[0]}; {engine.remedy}.")
        return engine


def _remedy(clone_id: str, status: str) -> str:
    if status == "completed":
        return f"Listen to the finished voice: GET /api/v1/voices/{clone_id}/preview."
    return f"Train it again: POST /api/v1/voice/clones/{clone_id}/train."
