"""Use cases of consents: phrase, consent, revocation."""

import re
from collections.abc import Sequence

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.voice import ConsentRequiredError
from echo_common.contracts.http.voice import ConsentGiven, SampleStatus
from echo_common.ids import new_id
from echo_voice.dependencies import Dependencies
from echo_voice.domain.consents import ATTESTATION, Consent, Phrase, SpokenProof
from echo_voice.domain.samples import Sample
from echo_voice.domain.voice_models import VoiceModel
from echo_voice.similarity import similarity
from echo_voice.usecases.mix_withdrawal import withdraw_mixes

_SHARE_HEARD = 0.6
"""Share of the phrase's random words that the small recogniser must recognise: four of six."""


async def draw_phrase(principal: Principal, deps: Dependencies) -> Phrase:
    """Create a statement with random words that is valid for a day."""
    phrase = Phrase.draw(principal.user_id)
    await deps.phrases.add(phrase)
    return phrase


async def give_consent(
    given: ConsentGiven | None, samples: Sequence[Sample], principal: Principal, deps: Dependencies
) -> Consent:
    """Save a consent to cloning from these samples, in the form the settings require. Raises `ConsentRequiredError`."""
    if given is not None and given.statement_sample_id is not None:
        consent = await _spoken(given.statement_sample_id, samples, principal, deps)
    elif deps.settings.consent == "spoken":
        raise ConsentRequiredError(
            "Cloning needs a spoken consent: read out the text of GET /api/v1/voice/consent-phrase in a sample of its own "
            "and name it in consent.statement_sample_id."
        )
    elif given is None or not given.attested:
        raise ConsentRequiredError(f'Cloning needs consent: send {{"consent": {{"attested": true}}}} to state: "{ATTESTATION}"')
    else:
        consent = Consent(
            id=new_id("cns"), user_id=principal.user_id, kind="attested", statement=given.statement or ATTESTATION
        )
    await deps.consents.add(consent)
    return consent


async def revoke_consent(consent_id: str, principal: Principal, deps: Dependencies) -> Consent:
    """Revoke a consent. Its voices are withdrawn here when this returns, in other services when the event arrives."""
    consent = await deps.consents.update(consent_id, Consent.revoke, user_id=principal.user_id)
    await withdraw_voices(consent.id, deps)
    return consent


async def withdraw_voices(consent_id: str, deps: Dependencies) -> None:
    """Withdraw the voices of a revoked consent, and the mixes of them; idempotent."""
    models = [model async for model in deps.models.find({"consent_id": consent_id})]
    for model in models:
        await deps.models.update(model.id, VoiceModel.withdraw)
        await deps.vectors.delete(deps.voice_space, model.id)
        await withdraw_mixes(model.id, deps)


async def _spoken(sample_id: str, samples: Sequence[Sample], principal: Principal, deps: Dependencies) -> Consent:
    statement = await deps.samples.get(sample_id, user_id=principal.user_id)
    if statement.status is not SampleStatus.READY or not statement.transcript:
        raise ConsentRequiredError("The spoken statement is not ready, or no words were recognised in it.")
    heard = set(re.findall(r"[a-z]+", statement.transcript.lower()))
    phrases = [phrase async for phrase in deps.phrases.find({"user_id": principal.user_id})]
    if not phrases:
        raise ConsentRequiredError("Ask for a phrase first: GET /api/v1/voice/consent-phrase.")
    best = max(phrases, key=lambda phrase: len(heard & set(phrase.words)))
    count = len(heard & set(best.words))
    if count < _SHARE_HEARD * len(best.words):
        raise ConsentRequiredError(
            f"Only {count} of the phrase's {len(best.words)} words were heard: read them out slowly and clearly.",
            details={"heard": statement.transcript, "words": list(best.words)},
        )
    alike = await _likeness(statement, samples, deps)
    best.erase()  # a phrase is valid for one consent
    await deps.phrases.save(best)
    proof = SpokenProof(
        sample_id=sample_id, heard=statement.transcript, words_heard=count, words_asked=len(best.words), similarity=alike
    )
    return Consent(id=new_id("cns"), user_id=principal.user_id, kind="spoken", statement=best.text, proof=proof)


async def _likeness(statement: Sample, samples: Sequence[Sample], deps: Dependencies) -> float | None:
    """Return the lowest similarity of the statement to the samples; None without an encoder that tells speakers apart.

    Raises `ConsentRequiredError` if the similarity is too low, or if an embedding is missing.
    """
    if not deps.encoder.tells_people_apart:
        return None
    own = await deps.vectors.get(deps.sample_space, statement.id)
    others = [await deps.vectors.get(deps.sample_space, sample.id) for sample in samples]
    if own is None or None in others:
        raise ConsentRequiredError("The samples were measured without a speaker encoder: process them again.")
    alike = min(similarity(own, other) for other in others if other is not None)
    if alike < deps.settings.consent_similarity:
        raise ConsentRequiredError(
            "The voice of the spoken statement is not the voice of the samples.",
            details={"similarity": alike, "wanted": deps.settings.consent_similarity},
        )
    return alike
