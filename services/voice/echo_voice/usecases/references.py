"""Use cases of the Echo API: upload a sample, get a reference to a voice model."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from echo_common.audio_files.formats import sniff
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.voice import CloneNotFoundError, ConsentRequiredError, EchoNotFoundError, UnreadableError
from echo_common.contracts.http.auth import LOCAL_USER_ID
from echo_common.contracts.http.echo_api import ReferencePatch
from echo_common.contracts.voice_reference import VoiceReference, references_of
from echo_common.errors import ForbiddenError, UnauthenticatedError, refuse
from echo_common.ids import new_id
from echo_voice.analysis.run import analyse
from echo_voice.dependencies import Dependencies
from echo_voice.domain.consents import UPLOAD_STATEMENT, Consent
from echo_voice.domain.values import Measures, TrainingOptions
from echo_voice.domain.verdicts import judge
from echo_voice.domain.voice_models import VoiceModel
from echo_voice.provider import TrainingRequest, TrainingSample, VoiceProvider
from echo_voice.usecases.echos import leave_voice, use_voice
from echo_voice.usecases.samples import upload_sample

_NOT_FOUND = "Voice model not found"


def checked_user(principal: Principal | None, user_id: str | None) -> Principal | None:
    """Return the principal if it may act for `user_id`.

    Raises `ValidationError` for an empty user id, `UnauthenticatedError` for one without a token, `ForbiddenError` for another
    user's id.
    """
    if user_id == "":
        refuse("user_id", "user_id is empty. Send the user's id, or leave the field out.")
    if user_id and principal is None:
        raise UnauthenticatedError
    if user_id and principal is not None and principal.user_id not in {user_id, LOCAL_USER_ID}:
        raise ForbiddenError("The user_id is not that of the token.")
    return principal


def client_user_id(principal: Principal, user_id: str | None) -> str | None:
    """Return the user id to store within the local user's data; None for other users, whom the token identifies."""
    return user_id if principal.user_id == LOCAL_USER_ID else None


async def upload_reference(
    path: Path,
    principal: Principal,
    deps: Dependencies,
    *,
    name: str,
    echo_id: str | None,
    file_type: str,
    filename: str | None,
    user_id: str | None = None,
) -> VoiceModel:
    """Create a voice model from one audio file; the worker measures the sample and trains the voice in the background.

    With a provider that stores voices itself, the route waits for the voice, because the response contains its reference.
    """
    _require_attestation(deps)
    provider = deps.providers.find(None)
    if echo_id is not None:
        await deps.echos.get(echo_id, user_id=principal.user_id)
    sample = await upload_sample(path, principal, deps, name=name, description=None, language=None)
    consent = Consent(id=new_id("cns"), user_id=principal.user_id, kind="attested", statement=UPLOAD_STATEMENT)
    await deps.consents.add(consent)
    model = VoiceModel.request(
        principal.user_id,
        name=name,
        provider=provider.name,
        language="en",
        sample_ids=[sample.id],
        consent_id=consent.id,
        config=TrainingOptions(),
        echo_id=echo_id,
        audio_file_path=filename,
        file_type=file_type,
        client_user_id=client_user_id(principal, user_id),
    )
    await deps.models.add(model)
    if echo_id is not None:
        await use_voice(echo_id, model.id, principal, deps)
    return model


@asynccontextmanager
async def anonymous_upload(deps: Dependencies) -> AsyncIterator[None]:
    """Admit an upload without a token before its body is read, and count it while the context is open.

    Raises `UnauthenticatedError` if the settings or the providers do not allow it, `ConsentRequiredError`, `RateLimitedError`,
    `QuotaExceededError`.
    """
    if not deps.settings.anonymous_uploads:
        raise UnauthenticatedError
    _require_attestation(deps)
    _storing_provider(deps)
    async with deps.anonymous_uploads.counted():
        yield


async def make_reference(path: Path, deps: Dependencies, *, name: str) -> str:
    """Create a voice without a user and return its reference: the provider stores the voice, nothing is stored here.

    Call it only within `anonymous_upload`. Raises `UnsupportedMediaError`, `UnreadableError`, and the errors of providers.
    """
    sniff(path)
    provider = _storing_provider(deps)
    with deps.scratch.folder("reference") as scratch:
        analysis = await analyse(path, scratch, deps.settings)
        quality = Measures.model_validate(analysis.facts)
        reason = next((verdict.advice for verdict in judge(quality) if verdict.verdict == "rejected"), None)
        if reason is not None:
            raise UnreadableError(reason)
        recording = TrainingSample(
            analysis.processed, quality.speech_seconds, analysis.facts["transcript"], quality.language, quality.rhythm
        )
        request = TrainingRequest(new_id("vm"), name, quality.language or "en", [recording], TrainingOptions(), scratch)
        outcome = await provider.train(request, _ignore_progress)
    return VoiceReference.parse(outcome.reference or "").provider_id or ""


def _storing_provider(deps: Dependencies) -> VoiceProvider:
    provider = deps.providers.first_storing()
    if provider is None:
        raise UnauthenticatedError("Voices made on this machine are stored for users only: log in, and send the token.")
    return provider


async def find_reference(model_id: str, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Return a voice model of the user by its id or by the provider's reference. Raises `CloneNotFoundError`."""
    named = {"made.reference": {"$in": references_of(model_id)}}
    where = {"$or": [{"_id": model_id}, named], "user_id": principal.user_id}
    found = await deps.models.find_one(where)
    if found is None:
        raise CloneNotFoundError(_NOT_FOUND)
    return found


async def change_reference(model_id: str, patch: ReferencePatch, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Rename a voice model, or link it to an echo or to none. Raises `CloneNotFoundError`, `EchoNotFoundError`."""
    model = await find_reference(model_id, principal, deps)
    links = "echo_id" in patch.model_fields_set
    if patch.echo_id is not None:
        await use_voice(patch.echo_id, model.id, principal, deps)
    if links and model.echo_id not in {None, patch.echo_id}:
        with suppress(EchoNotFoundError):  # it was deleted
            await leave_voice(str(model.echo_id), model.id, principal, deps)

    def change(held: VoiceModel) -> None:
        if links:
            held.link(patch.echo_id)
        if patch.name is not None:
            held.rename(patch.name)

    return await deps.models.update(model.id, change, user_id=principal.user_id)


async def require_voice_model(model_id: str | None, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Return a voice model of the user. Raises `CloneNotFoundError`, also for None."""
    if model_id is None:
        raise CloneNotFoundError(_NOT_FOUND)
    return await find_reference(model_id, principal, deps)


async def wait_for_training(model: VoiceModel, deps: Dependencies, *, within: float) -> VoiceModel:
    """Wait at most `within` seconds for the end of the training; return the current voice model."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not model.made and model.work.value in {"pending", "processing"}:
                await asyncio.sleep(0.2)
                model = await deps.models.get(model.id)
    return model


def _require_attestation(deps: Dependencies) -> None:
    if deps.settings.consent != "attestation":
        raise ConsentRequiredError("Cloning needs a spoken consent here: use /api/v1/voice/clones.")


def _ignore_progress(done: int, total: int, note: str | None) -> None:
    """Ignore progress, because no record exists that could show it."""
