"""Ids, tokens and names in the requests of the seed documents, made on demand."""

from typing import TYPE_CHECKING

from echo_common.ids import new_id
from tests.e2e.seeds import echo_guide, flask_plan, tables, voxify, voxify_jobs
from tests.e2e.seeds.cases import Case
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from tests.e2e.seeds.session import Session

LONG_TEXT = " ".join(f"Sentence tone-slow-950 number {number}." for number in range(200))
MORE_THAN_WORKERS = 3
SECONDS = 90
OK = 200


class Substitutes:
    """The values for the names in braces. A name that begins with `new_` has a new value at each use."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._values: dict[str, str] = {}
        self._blockers: list[str] = []

    async def find(self, name: str) -> str:
        """Return the value of a name."""
        if name.startswith("new_") or name not in self._values:
            self._values[name] = await getattr(self, f"make_{name}")()
        return self._values[name]

    async def release_worker(self) -> None:
        """Cancel the jobs that keep other jobs pending."""
        while self._blockers:
            await self._session.send("PATCH", f"/api/v1/job/{self._blockers.pop()}", json={"status": "cancelled"})

    async def make_new_email(self) -> str:
        return f"{new_id('seed').lower()}@example.com"

    async def make_new_username(self) -> str:
        return new_id("seed").lower()

    async def make_email(self) -> str:
        return str((await self._session.user("owner"))["user"]["email"])

    async def make_user_id(self) -> str:
        return str((await self._session.user("owner"))["user"]["id"])

    async def make_refresh_token(self) -> str:
        return str((await self._session.user("owner"))["refresh_token"])

    async def make_sample_id(self) -> str:
        return await self._ready("/api/v1/voice/samples", await self._made(voxify.UPLOAD_SAMPLE, "sample_id"))

    async def make_new_sample_id(self) -> str:
        return await self._made(copy_of(voxify.UPLOAD_SAMPLE), "sample_id")

    async def make_processed_sample_id(self) -> str:
        return await self._ready("/api/v1/voice/samples", await self.make_new_sample_id())

    async def make_clone_id(self) -> str:
        clone_id = await self._ready("/api/v1/voice/clones", await self._made(voxify.CREATE_CLONE, "clone_id"))
        await self._exists(f"/api/v1/voices/{clone_id}")
        return clone_id

    async def make_new_clone_id(self) -> str:
        return await self._made(copy_of(voxify.CREATE_CLONE), "clone_id")

    async def make_sample_id_of_voice(self) -> str:
        await self.find("clone_id")
        return await self.find("sample_id")

    async def make_used_endpoint(self) -> str:
        async def counted() -> bool:
            _, content = await self._session.send("GET", "/api/v1/users/me/usage/series")
            return bool(content["data"])

        await eventually(counted, within=SECONDS)
        return "GET /api/v1/users/me/usage/series"

    async def make_audio_id(self) -> str:
        return await self._made(voxify.SYNTHESIZE, "audio_id")

    async def make_audio_id_of_text(self) -> str:
        body = {"text_id": await self._made(tables.TEXT_ENTRY, "id"), "voice_id": "tone_low"}
        _, content = await self._session.send("POST", "/api/v1/tts/synthesize", json=body)
        return str(content["data"]["audio_id"])

    async def make_finished_job_id(self) -> str:
        return await self._finished(await self._made(voxify_jobs.CREATE_JOB, "id"))

    async def make_finished_async_job_id(self) -> str:
        return await self._finished(await self._made(voxify.SYNTHESIZE_LATER, "job_id"))

    async def make_new_running_job_id(self) -> str:
        await self.find("clone_id")
        body = {"text_content": LONG_TEXT, "voice_model_id": "tone_low"}
        for _ in range(MORE_THAN_WORKERS):
            _, content = await self._session.send("POST", "/api/v1/job", json=body)
            self._blockers.append(str(content["data"]["id"]))
        await self._reaches(f"/api/v1/job/{self._blockers[0]}", "processing")
        return self._blockers[0]

    async def make_new_pending_job_id(self) -> str:
        await self.make_new_running_job_id()
        return await self._made(copy_of(voxify_jobs.CREATE_JOB), "id")

    async def make_deletable_job_id(self) -> str:
        return await self._finished(await self._made(copy_of(voxify_jobs.CREATE_JOB), "id"))

    async def make_generated_id(self) -> str:
        await self._finished(await self._made(flask_plan.GENERATE, "job_id"))
        return await self._made(flask_plan.GENERATE, "id")

    async def make_new_generated_id(self) -> str:
        request = copy_of(flask_plan.GENERATE)
        await self._finished(await self._made(request, "job_id"))
        return await self._made(request, "id")

    async def make_record_id(self) -> str:
        return await self._made(echo_guide.UPLOAD, "database_record", "_id")

    async def make_usable_record_id(self) -> str:
        body = {"text": "Hello.", "reference_id": await self.find("record_id")}

        async def usable() -> bool:
            return (await self._session.send("POST", "/api/synthesize", "nobody", json=body))[0] == OK

        await eventually(usable, within=SECONDS)
        return body["reference_id"]

    async def make_record_id_of_created_user(self) -> str:
        return await self._made(echo_guide.UPLOAD_FOR_CREATED_USER, "database_record", "_id")

    async def make_user_id_of_record(self) -> str:
        return await self._made(echo_guide.UPLOAD, "database_record", "user_id")

    async def make_unneeded_record_id(self) -> str:
        return await self._made(echo_guide.UPLOAD_ALL, "database_record", "_id")

    async def make_echo_id(self) -> str:
        return await self._made(echo_guide.CREATE_ECHO, "_id")

    async def make_new_echo_id(self) -> str:
        _, echo = await self._session.send("POST", "/api/echo", "nobody", json=echo_guide.PERSONA)
        return str(echo["_id"])

    async def make_created_user_id(self) -> str:
        return await self._made(echo_guide.CREATE_USER, "_id")

    async def _made(self, case: Case, *path: str) -> str:
        found = await self._session.content(case)
        for name in path:
            found = found[name]
        return str(found)

    async def _ready(self, folder: str, key: str) -> str:
        await self._reaches(f"{folder}/{key}", "ready")
        return key

    async def _reaches(self, path: str, status: str) -> None:
        async def reached() -> bool:
            _, content = await self._session.send("GET", path)
            assert content["data"]["status"] not in {"failed", "rejected"}, content
            return bool(content["data"]["status"] == status)

        await eventually(reached, within=SECONDS)

    async def _exists(self, path: str) -> None:
        async def found() -> bool:
            return (await self._session.send("GET", path))[0] == OK

        await eventually(found, within=SECONDS)

    async def _finished(self, job_id: str) -> str:
        _, events = await self._session.send("GET", f"/api/v1/job/{job_id}/progress")
        assert events[-2]["status"] == "completed", events
        return job_id


def copy_of(case: Case) -> Case:
    """Return an equal request that is sent again."""
    return Case(**vars(case))
