"""Tests of the texts for training."""

from echo_voice.cloning.sentences import FURTHER, SENTENCES, UNSEEN, sentences_of


def test_professional_clones_are_trained_on_more_and_on_longer_sentences():
    assert list(sentences_of("professional")) == [*sentences_of("instant"), *FURTHER]
    assert max(map(len, FURTHER)) > max(map(len, SENTENCES))
    assert min(map(len, FURTHER)) < min(map(len, SENTENCES))


def test_no_sentence_is_trained_twice_or_used_to_judge_the_voice():
    texts = [*SENTENCES, *FURTHER, *(tokens for _, tokens in UNSEEN)]
    assert len(set(texts)) == len(texts)
