"""Progress of jobs and trainings as server-sent events."""

from typing import Annotated

from fastapi import Header, Path, Request, Response
from starlette.types import Receive, Scope, Send

from echo_common.auth.dependencies import CurrentPrincipal, VoicesReader
from echo_common.contracts.errors.synthesis import JobNotFoundError
from echo_common.contracts.errors.voice import CloneNotFoundError
from echo_common.http.addresses import address_of
from echo_common.http.client import ServiceClient
from echo_common.http.endpoints import Media, PublicRouter
from echo_common.http.proxy_options import PUBLIC_ROOT, LongRequest
from echo_gateway.dependencies import Dependencies
from echo_gateway.progress_sse import follow
from echo_gateway.proxy import client_of

_EVENTS = "text/event-stream"
_JOB_STATES = {"synthesis": "/job/{}?include_text=false&include_result=false", "voice": "/job/{}"}
_TRAINING_STATE = "/voice/clones/{}/training"

JobId = Annotated[str, Path(description="A job's id.", examples=["job_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
CloneId = Annotated[str, Path(description="A clone's id.", examples=["vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Resume after this event, without gap or repetition.")
]

jobs = PublicRouter("jobs", root="", prefix=PUBLIC_ROOT)
clones = PublicRouter("clones", root="", prefix=PUBLIC_ROOT)


class _Progress(Response):
    """A stream of progress events, counted as an open subscription of its user."""

    media_type = _EVENTS

    def __init__(self, client: ServiceClient, resource_id: str, path: str) -> None:
        super().__init__()
        self._client = client
        self._id = resource_id
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deps: Dependencies = scope["app"].state.dependencies
        principal = scope["state"].get("principal")
        with deps.concurrency.counted(LongRequest.SUBSCRIPTION, principal, address_of(scope)):
            await follow(self._client, deps.progress_polls, self._id, scope, receive, send, place=self._path)


@jobs.endpoint(
    "GET",
    "/job/{job_id}/progress",
    alias=("/job", "/jobs"),
    media=Media(
        'Server-sent events `{"progress", "status", "message", "queue_position"?, "eta_seconds"?}` with ids, from the first on; '
        "that of a completed synthesis also has `output_file_path`, `audio_url` and `duration`; the last is "
        '`{"event": "complete"}`.',
        (_EVENTS,),
    ),
    long_request=LongRequest.SUBSCRIPTION,
    errors=(JobNotFoundError,),
)
async def follow_job(job_id: JobId, request: Request, _: CurrentPrincipal, last_event_id: LastEventId = None) -> Response:
    """Stream the progress of a job of any type.

    Requires the scope `speech:read` for a synthesis, `voices:read` for other types.
    """
    owners = request.app.state.dependencies.job_owners
    service = next((service for prefix, service in owners.items() if job_id.startswith(prefix)), None)
    if service is None:
        raise JobNotFoundError
    return _Progress(client_of(service, request.scope), job_id, _JOB_STATES[service])


@clones.endpoint(
    "GET",
    "/voice/clones/{clone_id}/progress",
    media=Media(
        'Server-sent events `{"progress", "status", "message"}` with ids, from the first on; the last is `{"event": "complete"}`.',
        (_EVENTS,),
    ),
    long_request=LongRequest.SUBSCRIPTION,
    errors=(CloneNotFoundError,),
)
async def follow_training(clone_id: CloneId, request: Request, _: VoicesReader, last_event_id: LastEventId = None) -> Response:
    """Stream the progress of a clone's training."""
    return _Progress(client_of("voice", request.scope), clone_id, _TRAINING_STATE)
