"""Engine timings agree with a recogniser that has neither the text nor the timings."""

from difflib import SequenceMatcher
from statistics import median

import jiwer
import pytest

from echo_synthesis.engine import EngineConfig, Utterance
from echo_synthesis.engines import discover
from echo_synthesis.text.words import find_words
from tests.support.models import Models, Recogniser, plain

SENTENCES = [
    "The old house stood at the end of a long and quiet road.",
    "Nobody had lived in the house for almost thirty years.",
    "She put the letter on the table and looked out of the window.",
    "We are going to the market in the morning to buy some fresh bread.",
    "Please close the door behind you, because it is getting cold in here.",
    "The children ran across the field and climbed over the wooden gate.",
    "My brother works in a small shop on the other side of the river.",
    "If the weather is good tomorrow, we will walk to the top of the hill.",
    "He opened the box slowly and found an old silver watch inside.",
    "The train to the city leaves every hour from the second platform.",
    "There was a loud noise in the kitchen, and then everything was quiet.",
    "I have never seen so many stars in the sky as I did last night.",
    "The teacher asked the students to write a story about their summer.",
    "A black cat was sleeping on the warm stones in front of the church.",
    "You should drink more water when you work outside in the sun.",
    "They sat around the fire and talked about the people they had met.",
    "The doctor told him to rest for a week and to eat more vegetables.",
    "In the middle of the garden there is a very old apple tree.",
    "She learned to play the piano when she was only six years old.",
    "After dinner we washed the dishes and went for a walk by the lake.",
]


@pytest.mark.full
@pytest.mark.parametrize(("engine", "voice"), [("kokoro", "af_heart"), ("piper", "piper_joe")])
def test_engine_timings_agree_with_a_recogniser(engine: str, voice: str, speech_models: Models, recogniser: Recogniser) -> None:
    speaker = discover()[engine].load(EngineConfig(speech_models(engine), threads=2))
    errors: list[float] = []
    heard_texts: list[str] = []
    for text in SENTENCES:
        spans = tuple(find_words(text, 100))
        speech = speaker.speak(Utterance(text, spans, voice, "en-US"))
        written = [plain(text[span.start : span.end]) for span in spans]
        heard = recogniser.recognise(speech)
        heard_texts.append(" ".join(each.word for each in heard))
        # Whisper puts a sentence's first word at the very start of the audio, wherever it sounds
        for block in SequenceMatcher(None, written, [each.word for each in heard], autojunk=False).get_matching_blocks():
            pairs = zip(range(block.a, block.a + block.size), range(block.b, block.b + block.size), strict=True)
            errors += [heard[there].start - speech.words[here].start for here, there in pairs if there > 0]
    written_texts = [" ".join(plain(text[span.start : span.end]) for span in find_words(text, 100)) for text in SENTENCES]
    assert len(errors) > 150
    assert median(map(abs, errors)) <= 0.080
    assert jiwer.wer(written_texts, heard_texts) <= 0.05
