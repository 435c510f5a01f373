"""A service whose data of users is exported, with the internal API of the library."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from echo_common.auth.tokens import TokenVerifier
from echo_common.clock import now
from echo_common.contracts.http.auth import EXPORT_AUDIENCE
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.http.app import create_app
from echo_common.http.client import ServiceClient
from echo_common.http.server import serving
from echo_common.http.token_trust import TokenTrust
from echo_common.metrics import Metrics
from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.port import ObjectInfo, ObjectNotFoundError
from echo_common.user_data import api


class GatedStorage(FolderStorage):
    """Storage whose reads wait for a gate."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        await self.gate.wait()
        async for block in super().read(key, start, end):
            yield block


@dataclass
class UserDataService:
    """Notes and recordings of users."""

    url: str
    auth_url: str
    objects: GatedStorage
    notes: dict[str, list[str]] = field(default_factory=dict)
    recordings: dict[str, list[ObjectInfo]] = field(default_factory=dict)

    @property
    def user_data(self) -> "UserDataService":
        return self

    async def add(self, user_id: str, note: str, recording: bytes) -> ObjectInfo:
        """Store a note and a recording of a user."""
        number = len(self.notes.setdefault(user_id, []))
        self.notes[user_id].append(note)
        stored = await self.objects.put(f"recordings/{user_id}-{number}", recording, "audio/wav")
        assert stored.checksum == hashlib.sha256(recording).hexdigest()
        self.recordings.setdefault(user_id, []).append(stored)
        return stored

    async def export(self, user_id: str) -> AsyncIterator[ExportedDocument | ExportedObject]:
        for note in self.notes.get(user_id, []):
            yield ExportedDocument(collection="notes", fields={"text": note})
        for found in self.recordings.get(user_id, []):
            yield ExportedObject(
                id=found.key,
                name=f"{found.key}.wav",
                size=found.size,
                checksum=found.checksum,
                mime=found.mime,
                created_at=now(),
            )

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo:
        for found in self.recordings.get(user_id, []):
            if found.key == object_id:
                return found
        raise ObjectNotFoundError

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the internal API."""
        async with ServiceClient.open("auth", self.auth_url) as auth, TokenTrust.following(auth) as trust:
            app = create_app("notes", [api.router], metrics=Metrics())
            app.state.dependencies = self
            app.state.user_data_verifier = TokenVerifier(trust, audience=EXPORT_AUDIENCE)
            async with serving(app, self.url):
                yield
