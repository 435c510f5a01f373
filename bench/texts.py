"""Generated texts: always new, so that no cache helps, and similar, so that rounds are comparable."""

import random
from collections.abc import Sequence

_OPENINGS = ("In the morning", "Late at night", "By the river", "On the way home", "After the rain", "Before the show")
_PEOPLE = ("the teacher", "a young sailor", "my neighbour", "the old baker", "a tired doctor", "the new captain")
_DEEDS = ("carried", "painted", "repaired", "remembered", "described", "discovered")
_THINGS = ("a wooden boat", "the broken clock", "seven letters", "an empty house", "the long road", "a bright lantern")
_QUALITIES = ("some", "our", "every", "any", "their", "this", "that", "one", "no", "each", "his", "her")
_TRADES = (
    "miner",
    "weaver",
    "farmer",
    "gardener",
    "painter",
    "dancer",
    "hunter",
    "writer",
    "jeweller",
    "plumber",
    "singer",
    "tailor",
)
_ENDINGS = ("in the garden", "at the market", "for the children", "with great care", "under the bridge")
_ENDS = ("without a word", "as if nothing had happened", "for the children", "with great care", "until the sun went down")


def sentence(seed: str) -> str:
    """Generate a sentence of about fifteen words, determined by the seed."""
    choose = random.Random(seed).choice
    return f"{choose(_OPENINGS)}, {choose(_PEOPLE)} {choose(_DEEDS)} {choose(_THINGS)} and {choose(_THINGS)} {choose(_ENDS)}."


def long_sentence(seed: str) -> str:
    """Generate a sentence of fifteen words; even its first phrase is hardly ever that of another seed."""
    choose = random.Random(seed).choice
    person = f"{choose(_QUALITIES)} {choose(_TRADES)} {choose(_DEEDS)}".capitalize()
    return f"{person} {choose(_THINGS)} {choose(_ENDINGS)} and {choose(_OPENINGS).lower()} went home."


def story(seed: str, sentences: int) -> str:
    """Generate a text of several sentences; different seeds share hardly any."""
    return " ".join(sentence(f"{seed} {number}") for number in range(sentences))


def alike(seed: str, sentences: int, count: int) -> Sequence[str]:
    """Generate `count` stories of nearly the same length."""
    stories = sorted((story(f"{seed} {number}", sentences) for number in range(20 * count)), key=len)
    first = min(range(len(stories) - count), key=lambda place: len(stories[place + count - 1]) - len(stories[place]))
    return stories[first : first + count]
