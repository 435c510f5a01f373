"""Use cases of voice models: create, train, change, delete."""

from collections.abc import Sequence
from functools import partial
from math import ceil

import numpy as np

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.voice import CloneNotFoundError, SampleStateConflictError, SamplesTooShortError
from echo_common.contracts.http.sharing import BulkResult
from echo_common.contracts.http.voice import (
    CloneKind,
    ClonePatch,
    ConsentGiven,
    CreateCloneRequest,
    SampleStatus,
    SampleTrainingConfig,
    TrainerConfig,
    TrainingConfig,
    TrainRequest,
)
from echo_common.contracts.voice_reference import VoiceReference
from echo_common.errors import EchoError, ServiceUnavailableError, refuse
from echo_common.work.port import Attempt, Result
from echo_common.work.task import Progress
from echo_voice.cloning.encoders.embeddings import unit
from echo_voice.dependencies import Dependencies
from echo_voice.domain.consents import UPLOAD_STATEMENT
from echo_voice.domain.samples import Sample
from echo_voice.domain.values import TrainingOptions
from echo_voice.domain.voice_models import TrainingResult, VoiceModel
from echo_voice.provider import TrainingFailedError, TrainingRequest, TrainingSample, VoiceProvider
from echo_voice.usecases.consents import give_consent
from echo_voice.usecases.mix_withdrawal import withdraw_mixes
from echo_voice.usecases.samples import fetch_processed
from echo_voice.usecases.sharing import reindex
from echo_voice.usecases.training_files import run_with_files

_FALLBACK_LANGUAGE = "en"
_USUAL = SampleTrainingConfig()
_LEARNING_RATES = (0.01, 0.3)
_PROFESSIONAL_SECONDS = 60.0
"""Least duration of the samples of a professional clone."""
_PROCESS_AGAIN = "Process it again with POST /api/v1/voice/samples/{sample_id}/process."


class NotYetError(ServiceUnavailableError):
    """The samples are not measured yet; try again shortly."""


async def create_clone(
    request: CreateCloneRequest, principal: Principal, deps: Dependencies, *, waits: bool = False, **more: str | None
) -> VoiceModel:
    """Create a voice model from samples, and queue its training.

    The samples must be ready, unless the training `waits` for their processing.

    Raises `SampleNotFoundError`, `SampleStateConflictError`, `SamplesTooShortError`, `ConsentRequiredError`,
    `UnknownProviderError`, `ProviderUnavailableError`, `ValidationError`.
    """
    provider = deps.providers.find(request.provider)
    samples = await _usable_samples(request.sample_ids, principal, deps, waits=waits)
    config = TrainingOptions(**request.config.model_dump())
    _require_kind(config, samples, provider)
    language = request.language or next((sample.language for sample in samples if sample.language), _FALLBACK_LANGUAGE)
    if provider.languages and language.partition("-")[0].lower() not in provider.languages:
        known = ", ".join(provider.languages)
        refuse(
            "language",
            f"{provider.name} makes voices for {known}, not for {language}. Send one of these as the language: the voice then "
            "speaks it with the timbre of the samples.",
        )
    consent = await give_consent(request.consent, samples, principal, deps)
    model = VoiceModel.request(
        principal.user_id,
        name=request.name,
        provider=provider.name,
        language=language,
        sample_ids=request.sample_ids,
        consent_id=consent.id,
        config=config,
        audio_file_path=samples[0].name,
        **more,
    )
    await deps.models.add(model)
    return model


async def train_from_sample(
    sample_id: str, request: TrainRequest, principal: Principal, deps: Dependencies
) -> tuple[VoiceModel, float, TrainerConfig]:
    """Create a voice model from one sample; return it, the estimated seconds and the training in the trainer's units.

    The training waits until the sample is processed, except for a spoken consent, which is compared with the processed sample.
    Raises the errors of `create_clone`.
    """
    sample = await deps.samples.get(sample_id, user_id=principal.user_id)
    attests = deps.settings.consent == "attestation"
    consent = request.consent
    if consent is None and attests:
        consent = ConsentGiven(attested=True, statement=UPLOAD_STATEMENT)
    wanted = CreateCloneRequest(
        name=request.name or sample.name,
        sample_ids=[sample_id],
        config=convert_to_trainer_units(request.config),
        consent=consent,
        provider=request.provider,
    )
    spoken = consent is not None and consent.statement_sample_id is not None
    model = await create_clone(wanted, principal, deps, waits=attests and not spoken)
    provider = deps.providers.find(model.provider)
    config = TrainerConfig(
        **model.config.model_dump(include={"epochs", "learning_rate", "batch_size"}), steps=provider.steps(model.config)
    )
    return model, provider.estimate(model.config, _speech(sample)), config


def convert_to_trainer_units(config: SampleTrainingConfig) -> TrainingConfig:
    """Convert options on the usual scales of neural networks to the trainer's units; the usual defaults become the trainer's.

    Epochs and learning rates are converted by the square root of their ratio to the default, so that the wide ranges of the
    usual scales stay within those in which trainings converge.
    """
    lowest, highest = _LEARNING_RATES
    default = TrainingConfig.model_validate({"kind": config.kind})
    passes = default.epochs * (config.epochs / _USUAL.epochs) ** 0.5
    rate = default.learning_rate * (config.learning_rate / _USUAL.learning_rate) ** 0.5
    return TrainingConfig(
        kind=config.kind,
        epochs=max(1, round(passes)),
        learning_rate=round(min(max(rate, lowest), highest), 4),
        batch_size=-(-config.batch_size // _USUAL.batch_size),
        restraint=config.restraint,
        seed=config.seed,
        enable_timestamp_alignment=config.enable_timestamp_alignment,
    )


async def train(deps: Dependencies, model: VoiceModel, attempt: Attempt) -> Result[VoiceModel]:
    """Train the voice. Raises the errors of providers, `NotYetError`, `SamplesTooShortError`."""

    def on_progress(done: int, total: int, note: str | None) -> None:
        attempt.report(Progress(done, total, note))

    provider = deps.providers.find(model.provider)
    samples = [_trainable(await deps.samples.get(key, user_id=model.user_id)) for key in model.sample_ids]
    _require_kind(model.config, samples, provider)
    with deps.scratch.folder("training") as scratch:
        recordings = [
            TrainingSample(
                await fetch_processed(sample, scratch / f"{sample.id}.flac", deps),
                _speech(sample),
                sample.transcript,
                sample.language,
                sample.quality.rhythm if sample.quality else None,
            )
            for sample in samples
        ]
        request = TrainingRequest(model.id, model.name, model.language, recordings, model.config, scratch)
        outcome = await run_with_files(model, request, partial(provider.train, request), on_progress, deps)
        reference = outcome.reference or ""
        if outcome.style is not None:
            # The key includes the attempt, so that no attempt overwrites the style of another or of the voice in use.
            key = f"styles/{model.id}/{model.job_id}-{attempt.number}"
            stored = await deps.objects.put_file(key, outcome.style, "application/octet-stream")
            reference = str(VoiceReference("object", stored.key))
    await _index(model, deps)
    made = TrainingResult(engine=outcome.engine, reference=reference, gender=outcome.gender, quality=outcome.quality)
    return Result(lambda held: held.complete(attempt.number, made))


async def find_clone(clone_id: str, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Return a voice model of the user. Raises `CloneNotFoundError`, also for other users' voice models."""
    return await deps.models.get(clone_id, user_id=principal.user_id)


async def change_clone(clone_id: str, patch: ClonePatch, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Rename a voice model or cancel its training. Raises `CloneNotFoundError`, `CloneStateConflictError`."""

    def change(model: VoiceModel) -> None:
        if patch.name is not None:
            model.rename(patch.name)
        if patch.status == "cancelled":
            model.cancel()

    return await deps.models.update(clone_id, change, user_id=principal.user_id)


async def resume(clone_id: str, config: TrainingConfig | None, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Queue another training: after a failure, a cancellation, or with another configuration of the same kind, unless it names one.

    Raises `CloneNotFoundError`, `CloneStateConflictError`; for a professional clone also `SampleNotFoundError`,
    `SamplesTooShortError`, `UnknownProviderError`, `ProviderUnavailableError`, `ValidationError`.
    """
    model = await deps.models.get(clone_id, user_id=principal.user_id)
    options = _completed(config, model.config.kind) if config else None
    if options is not None and options.kind != "instant":
        model.require_trainable()
        samples = [await deps.samples.get(key, user_id=principal.user_id) for key in model.sample_ids]
        _require_kind(options, samples, deps.providers.find(model.provider))
    return await deps.models.update(clone_id, lambda model: model.train_again(options), user_id=principal.user_id)


async def delete_clone(clone_id: str, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Delete a voice model, and withdraw the mixes of it.

    Its audio and the provider's copy stay; new synthesis with it is rejected.
    """
    model = await deps.models.update(clone_id, VoiceModel.delete, user_id=principal.user_id)
    await withdraw_mixes(model.id, deps)
    await deps.vectors.delete(deps.voice_space, model.id)
    for folder in ("styles", "checkpoints"):
        async for key in deps.objects.keys(f"{folder}/{model.id}/"):
            await deps.objects.delete(key)
    return model


async def delete_clones(keys: Sequence[str], principal: Principal, deps: Dependencies) -> list[BulkResult]:
    """Delete several voice models independently; return the result of each."""
    results = []
    for key in keys:
        try:
            await delete_clone(key, principal, deps)
            results.append(BulkResult(id=key, deleted=True, error=None))
        except EchoError as error:
            code = CloneNotFoundError.code if error.status == 404 else error.code
            results.append(BulkResult(id=key, deleted=False, error=code))
    return results


def _completed(config: TrainingConfig, kind: CloneKind) -> TrainingOptions:
    """Return the options of a configuration, of this kind unless it names another one."""
    given = {"kind": kind, **config.model_dump(exclude_unset=True)}
    return TrainingOptions(**TrainingConfig.model_validate(given).model_dump())


def _require_kind(config: TrainingOptions, samples: Sequence[Sample], provider: VoiceProvider) -> None:
    """Refuse a kind of clone that the provider does not train, or for which the samples are too short.

    Samples that are not measured yet are accepted: the training refuses them once they are.
    """
    if config.kind not in provider.kinds:
        refuse("config.kind", f"{provider.name} trains no {config.kind} clones. Use one of: {', '.join(provider.kinds)}.")
    if config.kind == "instant" or any(sample.quality is None for sample in samples):
        return
    durations = {sample.original.checksum: sample.quality.duration for sample in samples if sample.quality}
    seconds = sum(durations.values())  # a copy adds nothing
    if seconds < _PROFESSIONAL_SECONDS:
        missing = ceil(10 * (_PROFESSIONAL_SECONDS - seconds)) / 10
        raise SamplesTooShortError(
            f"The samples last {seconds:.1f} s; a professional clone needs {_PROFESSIONAL_SECONDS:g} s. Add samples of "
            f"{missing:.1f} s, or train an instant clone.",
            details={"seconds": round(seconds, 1), "needed": _PROFESSIONAL_SECONDS, "missing": missing},
        )


async def _usable_samples(keys: Sequence[str], principal: Principal, deps: Dependencies, *, waits: bool) -> list[Sample]:
    samples = [await deps.samples.get(key, user_id=principal.user_id) for key in dict.fromkeys(keys)]
    usable = {SampleStatus.READY, *((SampleStatus.UPLOADED, SampleStatus.PROCESSING) if waits else ())}
    for sample in samples:
        if sample.status not in usable or sample.awaits_request:
            why = _PROCESS_AGAIN if sample.awaits_request else sample.error_message or "Wait until it is ready."
            details = {"sample_id": sample.id, "status": sample.status.value}
            raise SampleStateConflictError(f"The sample {sample.id} is {sample.status.value}. {why}", details=details)
    return samples


def _trainable(sample: Sample) -> Sample:
    """Return the sample if it is ready.

    Raises `TrainingFailedError` if it is rejected or its processing was cancelled, `NotYetError` if it is not measured yet.

    A training that was requested together with its upload may start before the sample is measured.
    """
    if sample.status is SampleStatus.REJECTED:
        raise TrainingFailedError(sample.error_message)
    if sample.awaits_request:
        raise TrainingFailedError(f"The processing of the sample {sample.id} was cancelled. {_PROCESS_AGAIN}")
    if sample.status is not SampleStatus.READY:
        raise NotYetError
    return sample


def _speech(sample: Sample) -> float:
    return sample.quality.speech_seconds if sample.quality else 0.0


async def _index(model: VoiceModel, deps: Dependencies) -> None:
    """Index the voice at the mean of its samples' embeddings."""
    found = [await deps.vectors.get(deps.sample_space, key) for key in model.sample_ids]
    known = [vector for vector in found if vector is not None]
    if known:
        centre = unit(np.mean([unit(np.asarray(vector)) for vector in known], axis=0))
        await reindex(model, deps, centre.tolist())
