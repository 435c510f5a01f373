"""Normalisation: conversion of a text and its options into a script."""

from dataclasses import dataclass, field
from functools import cache, partial

from echo_common.errors import ValidationError
from echo_synthesis.text import emoji, english, markdown, num2words_rules, ssml
from echo_synthesis.text.lexicon import Lexicon, Pronunciation
from echo_synthesis.text.say_as import say_as_for, verbalize_short_text
from echo_synthesis.text.script import Part, Segment, write
from echo_synthesis.text.source_map import Limits, VisibleText, check_characters, plain_text
from echo_synthesis.text.verbalization import Rules


@dataclass(frozen=True, slots=True)
class NormalizationOptions:
    """The normalisation options of a text.

    `normalize` verbalises numbers and symbols, and removes Markdown. `ssml` tells whether the text is SSML; None detects it.
    `pronunciations` are the user's; `phonemes` tells whether the engine supports IPA. `may_be_silent` permits a text without words.
    """

    language: str
    normalize: bool = True
    ssml: bool | None = None
    pronunciations: tuple[Pronunciation, ...] = ()
    phonemes: bool = False
    limits: Limits = field(default_factory=Limits)
    may_be_silent: bool = False


def compose(text: str, options: NormalizationOptions, max_characters: int, *, first: int | None = None) -> list[Part]:
    """Return the script of a text in segments of at most `max_characters`; see `script.write`.

    Raises:
        ValidationError: The text is invalid; the message has the reason and the place. Reasons are control characters,
            malformed SSML, pauses that are too long, a pronunciation that the engine does not support, and nothing to speak.
    """
    check_characters(text)
    visible = parse_markup(text, options)
    if options.pronunciations:
        lexicon = Lexicon(options.pronunciations, phonemes=options.phonemes)
        if term := lexicon.unspeakable(visible.text):
            _refuse(
                f"The pronunciation of {term!r} is given in IPA only, which this voice's engine does not support. Add a respelling."
            )
        visible = visible.with_verbalizations(lexicon.verbalize(visible.text))
    rules = rules_for(options.language) if options.normalize else Rules()
    parts = write(text, visible, rules, max_characters, first_limit=first)
    if not options.may_be_silent and not any(part.spoken for part in parts if isinstance(part, Segment)):
        _refuse("The text contains no word to speak.")
    if not options.phonemes and any(part.pronunciations for part in parts if isinstance(part, Segment)):
        _refuse("This voice's engine does not support <phoneme>. Remove it, or use another voice.")
    return parts


def parse_markup(text: str, options: NormalizationOptions) -> VisibleText:
    """Parse a text into its visible text.

    Raises:
        ValidationError: The markup is invalid, or declares another language.
    """
    if options.ssml or (options.ssml is None and ssml.is_ssml(text)):
        language = options.language
        say = partial(verbalize_short_text, language=language) if options.normalize else str
        visible = ssml.parse_ssml(text, options.limits, say_as=say_as_for(language), aloud=say)
        if visible.language and visible.language.split("-")[0].lower() != language.split("-")[0].lower():
            _refuse(f"The text is marked {visible.language}, but is to be spoken in {language}.")
        return visible
    return markdown.parse_markdown(text, options.limits) if options.normalize else plain_text(text, options.limits)


@cache
def rules_for(language: str) -> Rules:
    """Return the verbalisation rules of a language."""
    spoken = english.rules(language) if language.lower().startswith("en") else num2words_rules.rules(language)
    return Rules([*emoji.rules(language), *spoken])


def _refuse(message: str) -> None:
    raise ValidationError(message, details=[{"field": "text", "message": message}])
