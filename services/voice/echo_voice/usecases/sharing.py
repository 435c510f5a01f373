"""Use cases of access to voice models: shares, selection, similar voices."""

import heapq
from collections.abc import Sequence

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.errors.voice import CloneNotFoundError
from echo_common.contracts.http.sharing import ShareRequest, SimilarVoice
from echo_common.contracts.voice_reference import VOICE_MODEL_PREFIX
from echo_common.errors import refuse
from echo_voice.dependencies import Dependencies
from echo_voice.domain.voice_models import EVERYBODY, Preference, VoiceModel
from echo_voice.similarity import Vector, similarity, title_of


async def share(clone_id: str, request: ShareRequest, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Share a voice model with a user or publicly.

    Raises `CloneNotFoundError`, `CloneStateConflictError`, `ValidationError`, and the errors of `Recipients.find`.
    """
    if [request.user_id is not None, request.email is not None, request.public].count(True) != 1:
        refuse("user_id", "Send one of user_id, email and public: true.")
    await deps.models.get(clone_id, user_id=principal.user_id)
    recipient = None
    if not request.public:
        recipient = await deps.recipients.find(user_id=request.user_id, email=request.email, shared_by=principal.user_id)
    if recipient == principal.user_id:
        refuse("user_id" if request.user_id else "email", "This is your own account. Name another user.")
    model = await deps.models.update(clone_id, lambda held: held.share(recipient), user_id=principal.user_id)
    await reindex(model, deps)
    return model


async def unshare(clone_id: str, user_id: str | None, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Remove a user's share, or all shares if `user_id` is None; takes effect at once."""

    def remove(model: VoiceModel) -> None:
        for user in [user_id] if user_id is not None else [None, *model.shared_with]:
            model.unshare(user)

    model = await deps.models.update(clone_id, remove, user_id=principal.user_id)
    await reindex(model, deps)
    return model


async def unpublish(clone_id: str, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Remove the public share; shares with users stay."""
    model = await deps.models.update(clone_id, lambda held: held.unshare(None), user_id=principal.user_id)
    await reindex(model, deps)
    return model


async def find_usable_clone(clone_id: str, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Return a voice model that the principal may use. Raises `CloneNotFoundError`."""
    model = await deps.models.get(clone_id)
    if not model.may_be_used_by(principal.user_id):
        raise CloneNotFoundError
    return model


async def select(clone_id: str, principal: Principal, deps: Dependencies) -> str:
    """Select a voice model as the default for requests that name no voice; return its id.

    Raises `CloneNotFoundError`, and `CloneStateConflictError` for the user's own voice model that is not ready.
    """
    if not clone_id.startswith(VOICE_MODEL_PREFIX):
        raise CloneNotFoundError(
            f"There is no clone {clone_id!r}. Select a built-in voice with POST /api/v1/voices/{{id}}/select."
        )
    model = await deps.models.get(clone_id)
    if model.user_id == principal.user_id and not model.withdrawn:
        model.require_usable()
    if not model.may_be_used_by(principal.user_id):
        raise CloneNotFoundError
    preference = await deps.preferences.find_one({"_id": principal.user_id})
    if preference is None:
        preference = Preference(id=principal.user_id)
        preference.select(model.id)
        await deps.preferences.add(preference)
    else:
        await deps.preferences.update(principal.user_id, lambda held: held.select(model.id))
    return model.id


async def find_similar(voice_id: str, limit: int, principal: Principal, deps: Dependencies) -> Sequence[SimilarVoice]:
    """Find similar voices, most similar first: voice models that the principal may use, and built-in voices.

    Raises `CloneNotFoundError`, and `VoiceNotFoundError` for an id that is neither a voice model nor a built-in voice with a
    known embedding.
    """
    builtin = deps.encoder.builtin
    vector: Sequence[float] | Vector | None
    if voice_id.startswith(VOICE_MODEL_PREFIX):
        model = await find_usable_clone(voice_id, principal, deps)
        vector = await deps.vectors.get(deps.voice_space, model.id)
    elif (vector := builtin.get(voice_id)) is None:
        raise VoiceNotFoundError(f"The speech of the voice {voice_id!r} is not measured. Send a clone or a Kokoro voice.")
    if vector is None:
        return ()
    found = [
        SimilarVoice(id=name, name=title_of(name), kind="built-in", similarity=similarity(vector, other))
        for name, other in builtin.items()
        if name != voice_id
    ]
    found += await _similar_clones(voice_id, vector, limit, principal, deps)
    return heapq.nlargest(limit, found, key=lambda voice: voice.similarity)


async def _similar_clones(
    voice_id: str, vector: Sequence[float] | Vector, limit: int, principal: Principal, deps: Dependencies
) -> list[SimilarVoice]:
    where = {"access": [principal.user_id, EVERYBODY]}
    near = await deps.vectors.nearest(deps.voice_space, [float(x) for x in vector], limit=limit + 1, where=where)
    found = []
    for neighbour in near:
        other = await deps.models.find_one({"_id": neighbour.id})
        # the index may be stale; the voice model is authoritative
        if other is not None and other.id != voice_id and other.may_be_used_by(principal.user_id):
            alike = round(neighbour.similarity, 4)
            found.append(SimilarVoice(id=other.id, name=other.name, kind="clone", similarity=alike))
    return found


async def reindex(model: VoiceModel, deps: Dependencies, vector: Sequence[float] | None = None) -> None:
    """Update the voice's access list in the vector index; does nothing without a vector."""
    known = vector if vector is not None else await deps.vectors.get(deps.voice_space, model.id)
    if known is not None:
        await deps.vectors.put(deps.voice_space, model.id, known, {"access": model.access})
