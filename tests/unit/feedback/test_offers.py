"""The claim of an offer: one correction at a time, renewed by its repetition."""

from datetime import UTC, datetime, timedelta

import pytest

from echo_common.contracts.errors.feedback import DictionaryOfferAcceptedError
from echo_feedback.domain.offers import Correction, DictionaryOffer
from echo_feedback.domain.ratings import Opinion, Rating

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HUE, YOU = Correction(respelling="hue"), Correction(respelling="you")


def offered() -> Rating:
    rating = Rating.create("af_heart", "kokoro")
    offer = DictionaryOffer(segment=0, segment_checksum="5d7e", term="Hugh", spoken="Hugh", start_word=0, end_word=0)
    rating.submit("usr_ada", "aud_1", Opinion(1), counts_for_voice=True, offer=offer)
    return rating


def test_another_correction_is_admitted_a_minute_after_the_claim() -> None:
    rating = offered()
    rating.accept_offer(HUE, NOON)
    with pytest.raises(DictionaryOfferAcceptedError):
        rating.accept_offer(YOU, NOON + timedelta(seconds=59))
    held = rating.accept_offer(YOU, NOON + timedelta(seconds=60)).acceptance
    assert held is not None
    assert held.correction == YOU


def test_a_repetition_renews_the_claim() -> None:
    rating = offered()
    rating.accept_offer(HUE, NOON)
    rating.accept_offer(HUE, NOON + timedelta(seconds=59))
    with pytest.raises(DictionaryOfferAcceptedError):
        rating.accept_offer(YOU, NOON + timedelta(seconds=90))


def test_a_correction_that_is_queued_stays() -> None:
    rating = offered()
    rating.accept_offer(HUE, NOON)
    rating.finish_acceptance(HUE, "job_1")
    queued = rating.offer
    assert rating.accept_offer(HUE, NOON + timedelta(days=1)) == queued
    with pytest.raises(DictionaryOfferAcceptedError):
        rating.accept_offer(YOU, NOON + timedelta(days=1))
