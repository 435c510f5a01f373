"""The read model of voice models, built from the voice service's events, and the voices that users selected."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError, VoiceNotReadyError
from echo_common.contracts.voice_model import VoiceModelEvent
from echo_common.contracts.voice_reference import SAMPLE_PREFIX, VOICE_MODEL_PREFIX, VoiceReference, references_of
from echo_common.storage.port import ObjectStore
from echo_common.store.port import Collection, Document, DuplicateError, Index, Store
from echo_synthesis.catalogue.newest_state import store_newest
from echo_synthesis.catalogue.style_folder import StyleFolder
from echo_synthesis.catalogue.voices import CataloguedVoice, VoiceNames
from echo_synthesis.engine import EngineConfig, EngineSpec, EngineVoice


class Clones:
    """Read model of cloned voices: their users and their names in the engine; and the voices that users selected.

    Every event carries the complete state as of its revision, so events may arrive twice, late and in any order. A selection
    comes with an event of voice (a clone) or from `select` (any voice); the latest one counts. Open with `open`.
    """

    def __init__(
        self, store: Store, objects: ObjectStore, engines: Mapping[str, EngineSpec], config: EngineConfig, styles: StyleFolder
    ) -> None:
        self._voices: Collection = store.collection("voices")
        self._trainings: Collection = store.collection("trainings")
        self._selections: Collection = store.collection("selections")
        self._objects = objects
        self._engines = engines
        self._config = config
        self._styles = styles

    @classmethod
    async def open(
        cls, store: Store, objects: ObjectStore, engines: Mapping[str, EngineSpec], config: EngineConfig, styles: StyleFolder
    ) -> "Clones":
        """Open the read model, and create its indexes."""
        clones = cls(store, objects, engines, config, styles)
        await clones._voices.ensure(
            [Index([(field, 1)]) for field in ("user_id", "shared_with", "public", "reference", "sample_ids")]
        )
        await clones._trainings.ensure([Index([("sample_ids", 1)])])
        await clones._selections.ensure([])
        return clones

    async def apply(self, event: VoiceModelEvent) -> None:
        """Apply an event, unless a later one was applied."""
        known = event.model_dump(exclude={"event_id", "occurred_at", "voice_model_id", "job_id"})
        known["shared_with"], known["sample_ids"] = list(event.shared_with), list(event.sample_ids)
        known["created_at"] = event.occurred_at
        await store_newest(self._voices, event.voice_model_id, known)

    async def follow_training(
        self,
        clone_id: str,
        user_id: str,
        moment: datetime,
        *,
        job_id: str,
        status: str,
        progress: int = 0,
        sample_ids: Sequence[str] | None = None,
    ) -> None:
        """Store the status of a training, unless a later one is stored, and the samples, where an event names them."""
        state = {"user_id": user_id, "job_id": job_id, "status": status, "progress": progress, "changed_at": moment}
        samples = {} if sample_ids is None else {"sample_ids": list(sample_ids)}
        if not await self._trainings.update_one({"_id": clone_id, "changed_at": {"$lte": moment}}, {"$set": state | samples}):
            try:
                await self._trainings.insert({"_id": clone_id, **state, **samples})
            except DuplicateError:  # a later event was applied
                if samples:
                    await self._trainings.update_one({"_id": clone_id}, {"$set": samples})

    async def training_of(self, clone_id: str, user_id: str) -> Document | None:
        """Return the latest training of a user's voice model: its `job_id`, `status` and `progress`; None without one."""
        return await self._trainings.find_one({"_id": clone_id, "user_id": user_id})

    async def select(self, user_id: str, voice_id: str, moment: datetime) -> None:
        """Store a user's selected voice, unless a later selection is stored."""
        chosen = {"voice_id": voice_id, "chosen_at": moment}
        if not await self._selections.update_one({"_id": user_id, "chosen_at": {"$lte": moment}}, {"$set": chosen}):
            with suppress(DuplicateError):
                await self._selections.insert({"_id": user_id, **chosen})

    async def selected(self, user_id: str) -> str | None:
        """Return the id of the user's selected voice: a cloned one or a built-in one."""
        selected = await self._selections.find_one({"_id": user_id})
        return str(selected["voice_id"]) if selected is not None else None

    async def find(self, voice_id: str | None, user_id: str) -> CataloguedVoice | None:
        """Return the cloned voice with this id, or the user's selected one for None; None for other voices.

        The id of a sample stands for the newest ready voice made from it.

        Raises `VoiceNotFoundError` for a voice that does not exist, was withdrawn or is not shared with this user,
        `VoiceNotReadyError` for one in training, `EngineUnavailableError`.
        """
        if voice_id is None:
            selected = await self.selected(user_id)
            if selected is None:
                return None
            with suppress(VoiceNotFoundError, VoiceNotReadyError, EngineUnavailableError):
                return await self.find(selected, user_id)
            return None
        if voice_id.startswith(SAMPLE_PREFIX):
            known = await self._newest(self._voices, {"sample_ids": voice_id, "user_id": user_id, "usable": True})
        elif voice_id.startswith(VOICE_MODEL_PREFIX):
            known = await self._voices.find_one({"_id": voice_id, "usable": True})
        else:
            return None
        if known is None:
            await self._require_no_training(voice_id, user_id)
        if known is None or not (known["public"] or user_id in {known["user_id"], *known["shared_with"]}):
            raise VoiceNotFoundError(f"There is no voice {voice_id!r}; GET /api/v1/voices lists them.")
        found = self._catalogued(known)
        if found is None:
            raise EngineUnavailableError(
                f"The engine {known['engine']}, which speaks this clone, is not enabled; add it to ECHO_SYNTHESIS_ENGINES."
            )
        if missing := found.engine.missing(self._config):
            raise EngineUnavailableError(f"The engine {found.engine.name} lacks {missing[0]}; {found.engine.remedy}.")
        return found

    async def by_reference(self, reference: str, user_id: str) -> str:
        """Return the id of the user's cloned voice with this provider reference; the reference itself without one."""
        where = {"reference": {"$in": references_of(reference)}, "usable": True, "user_id": user_id}
        known = await self._voices.find_one(where)
        return str(known["_id"]) if known is not None else reference

    async def list(self, user_id: str) -> Sequence[CataloguedVoice]:
        """Return the cloned voices that this user may use here: the user's own first, newest first."""
        mine = {"usable": True, "user_id": user_id}
        others = {"usable": True, "user_id": {"$ne": user_id}, "$or": [{"public": True}, {"shared_with": user_id}]}
        known = [document for where in (mine, others) async for document in self._voices.find(where, sort=[("created_at", -1)])]
        found = [self._catalogued(document) for document in known]
        return [voice for voice in found if voice is not None and not voice.engine.missing(self._config)]

    async def owns(self, voice_id: str, user_id: str) -> bool:
        """Return whether a voice model is the user's own."""
        return await self._voices.find_one({"_id": voice_id, "user_id": user_id}) is not None

    async def owned(self, user_id: str) -> Sequence[str]:
        """Return the ids of a user's voice models, also of those that are not usable any more."""
        return [str(voice["_id"]) async for voice in self._voices.find({"user_id": user_id}, fields=["user_id"])]

    async def erase(self, user_id: str) -> None:
        """Remove a user's voice models, trainings, selection, and shares of others' voice models with the user."""
        await self._voices.delete({"user_id": user_id})
        await self._voices.update_many({"shared_with": user_id}, {"$pull": {"shared_with": user_id}})
        await self._trainings.delete({"user_id": user_id})
        await self._selections.delete({"_id": user_id})

    async def voice_names(self, voice_id: str) -> VoiceNames:
        """Return the voice's current names. Raises `VoiceNotFoundError` if it was withdrawn or deleted."""
        if not voice_id.startswith(VOICE_MODEL_PREFIX):
            return VoiceNames(voice_id, voice_id)
        known = await self._voices.find_one({"_id": voice_id, "usable": True})
        if known is None:
            raise VoiceNotFoundError("This voice was withdrawn or deleted. Use another voice.")
        reference = VoiceReference.parse(str(known["reference"]))
        label = f"{voice_id}={reference}"
        if reference.kind == "object":
            reference = VoiceReference("file", str(await self._local(reference.value)))
        return VoiceNames(label, str(reference))

    async def _require_no_training(self, voice_id: str, user_id: str) -> None:
        """Raise `VoiceNotReadyError` if the user's voice with this id, or a voice of this sample, has never been ready."""
        field = "sample_ids" if voice_id.startswith(SAMPLE_PREFIX) else "_id"
        training = await self._newest(self._trainings, {field: voice_id, "user_id": user_id})
        if training is None or await self._voices.find_one({"_id": training["_id"]}) is not None:
            return
        status, progress = training["status"], training["progress"]
        details = {"voice_id": training["_id"], "status": status, "progress": progress}
        if status in {"failed", "cancelled"}:
            remedy = f"Train it again: POST /api/v1/voice/clones/{training['_id']}/train."
            raise VoiceNotReadyError(f"The training of the clone is {status}. {remedy}", details=details)
        raise VoiceNotReadyError(f"The clone is in training ({progress} %). Wait until it is ready.", details=details)

    @staticmethod
    async def _newest(documents: Collection, where: Mapping[str, Any]) -> Document | None:
        """Return the newest document: ids sort by time."""
        return next(iter([one async for one in documents.find(where, sort=[("_id", -1)], limit=1)]), None)

    async def _local(self, key: str) -> Path:
        path = self._styles.clone(key)
        if not path.exists():
            blob = b"".join([block async for block in self._objects.read(key)])
            await asyncio.to_thread(self._styles.write, path, lambda new: new.write_bytes(blob))
        return path

    def _catalogued(self, known: Document) -> CataloguedVoice | None:
        engine = self._engines.get(known["engine"])
        if engine is None:
            return None
        voice = EngineVoice(
            known["_id"],
            known["name"],
            known["language"],
            known["gender"],
            ("clone",),
            multilingual="cloud" in engine.tags,
            others=engine.clone_languages,
        )
        return CataloguedVoice(voice, engine, clone=True, private=not known["public"])
