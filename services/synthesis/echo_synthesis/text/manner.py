"""From a text, and how it is to be taken, to its script."""

from dataclasses import dataclass, field
from functools import cache, partial

from echo_common.errors import ValidationError
from echo_synthesis.text import english, foreign, markdown, pictures, ssml
from echo_synthesis.text.lexicon import Lexicon, Pronunciation
from echo_synthesis.text.reading import Rules
from echo_synthesis.text.sayas import aloud, teller
from echo_synthesis.text.script import Part, Unit, write
from echo_synthesis.text.visible import Limits, Visible, as_it_is, check_characters


@dataclass(frozen=True, slots=True)
class Manner:
    """How a text is to be taken: its language; whether numbers, signs and Markdown are read as a person would; whether it is SSML
    (None: when it begins so); the user's own pronunciations, and whether the engine takes those in IPA.
    """

    language: str
    normalize: bool = True
    ssml: bool | None = None
    pronunciations: tuple[Pronunciation, ...] = ()
    phonemes: bool = False
    limits: Limits = field(default_factory=Limits)


def compose(text: str, manner: Manner, max_characters: int, *, first: int | None = None) -> list[Part]:
    """The script of a text in units of at most `max_characters`; see `script.write`.

    Raises `ValidationError` that names what is wrong and where: control characters, malformed SSML, pauses too long, a
    pronunciation that the engine cannot take, nothing to say.
    """
    check_characters(text)
    visible = see(text, manner)
    if manner.pronunciations:
        lexicon = Lexicon(manner.pronunciations, phonemes=manner.phonemes)
        if term := lexicon.unspeakable(visible.text):
            _refuse(f"The dictionary has {term!r} in IPA only, which this voice's engine does not take: add a respelling.")
        visible = visible.also(lexicon.read(visible.text))
    rules = rules_for(manner.language) if manner.normalize else Rules()
    parts = write(text, visible, rules, max_characters, first_limit=first)
    if not any(part.spoken for part in parts if isinstance(part, Unit)):
        _refuse("The text holds no word that could be spoken.")
    if not manner.phonemes and any(part.pronunciations for part in parts if isinstance(part, Unit)):
        _refuse("This voice's engine takes no <phoneme>.")
    return parts


def see(text: str, manner: Manner) -> Visible:
    """What is visible of a text. Raises `ValidationError`."""
    if manner.ssml or (manner.ssml is None and ssml.is_ssml(text)):
        language = manner.language
        say = partial(aloud, language=language) if manner.normalize else str
        visible = ssml.hears(text, manner.limits, say_as=teller(language), aloud=say)
        if visible.language and visible.language.split("-")[0].lower() != language.split("-")[0].lower():
            _refuse(f"The text is marked {visible.language}, but is to be spoken in {language}.")
        return visible
    return markdown.reader_sees(text, manner.limits) if manner.normalize else as_it_is(text, manner.limits)


@cache
def rules_for(language: str) -> Rules:
    """What is read aloud in a language other than it is written."""
    spoken = english.rules(language) if language.lower().startswith("en") else foreign.rules(language)
    return Rules([*pictures.rules(language), *spoken])


def _refuse(message: str) -> None:
    raise ValidationError(message, details=[{"field": "text", "message": message}])
