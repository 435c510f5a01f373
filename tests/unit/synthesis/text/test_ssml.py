"""A safe subset of SSML: elements take effect or are refused with their position."""

# ruff: noqa: RUF001  (IPA)
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_common.errors import ValidationError
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Part, Pause, Segment
from echo_synthesis.text.source_map import Tone
from echo_synthesis.text.ssml import is_ssml


def script(text: str, **how: Any) -> list[Part]:
    return compose(text, NormalizationOptions("en-US", phonemes=True, **how), 400)


def speak(inside: str, **how: Any) -> list[str | float]:
    parts = script(f"<speak>{inside}</speak>", **how)
    return [part.seconds if isinstance(part, Pause) else part.text for part in parts]


@pytest.mark.parametrize("text", ["<speak>a</speak>", " \n<speak version='1.1'>", '<?xml version="1.0"?>\n<speak>', "<speak/>"])
def test_ssml_is_detected_by_its_beginning(text: str) -> None:
    assert is_ssml(text)


@pytest.mark.parametrize("text", ["speak", "<speaker>", "He said <speak>", "<b>loud</b>"])
def test_other_beginnings_are_not_ssml(text: str) -> None:
    assert not is_ssml(text)


def test_ssml_is_plain_text_when_requested() -> None:
    [unit] = script("<speak>Hi</speak>", ssml=False, normalize=False)
    assert isinstance(unit, Segment)
    assert [word.text for word in unit.words] == ["speak", "Hi", "speak"]


@pytest.mark.parametrize(
    ("inside", "heard"),
    [
        ("One.<break time='1.5s'/>Two.", ["One.", 1.5, "Two."]),
        ("One<break time='250ms'/> two", ["One", 0.25, "two"]),
        ("One<break strength='strong'/>two", ["One", 1.0, "two"]),
        ("One<break/>two", ["One", 0.5, "two"]),
        ("One <break strength='none'/>two", ["One two"]),
        ("<p>One</p><p>Two</p>", ["One", "Two"]),
        ("<s>One</s><s>Two</s>", ["One", "Two"]),
        ("<sub alias='World Wide Web Consortium'>W3C</sub> rules", ["World Wide Web Consortium rules"]),
        ("<say-as interpret-as='cardinal'>1234</say-as>", ["one thousand two hundred thirty-four"]),
        ("<say-as interpret-as='ordinal'>3</say-as> place", ["third place"]),
        ("<say-as interpret-as='digits'>404</say-as>", ["four zero four"]),
        ("<say-as interpret-as='characters'>SQL</say-as>", ["S Q L"]),
        ("<say-as interpret-as='spell-out'>a1</say-as>", ["A one"]),
        ("<say-as interpret-as='date' format='dmy'>5/4/2024</say-as>", ["April fifth, twenty twenty-four"]),
        ("<say-as interpret-as='date' format='my'>4/2024</say-as>", ["April twenty twenty-four"]),
        ("<say-as interpret-as='date'>May 5, 2024</say-as>", ["May fifth, twenty twenty-four"]),
        ("<say-as interpret-as='time'>2:05pm</say-as>", ["two oh five P M"]),
        ("<say-as interpret-as='telephone'>5551234</say-as>", ["five five five one two three four"]),
        ("<say-as interpret-as='currency'>$5.50</say-as>", ["five dollars and fifty cents"]),
        ("5 &lt; 6 &amp; &#65;", ["five is less than six and A"]),
        ("<![CDATA[a < b]]>", ["a is less than b"]),
        ("Dr. Who <!-- hidden --> left", ["Dr. Who left"]),
        ("[pause:2s] hi", [2.0, "hi"]),
    ],
)
def test_supported_elements_take_effect(inside: str, heard: list[str | float]) -> None:
    assert speak(inside) == [each.replace("Dr.", "Doctor") if isinstance(each, str) else each for each in heard]


def test_prosody_changes_the_tone_and_nests() -> None:
    parts = script(
        "<speak>a <prosody rate='slow'>b <prosody volume='+6dB' rate='200%'>c</prosody></prosody>"
        "<prosody pitch='+2st' volume='silent'>d</prosody> e</speak>"
    )
    assert [(part.text, part.tone) for part in parts if isinstance(part, Segment)] == [
        ("a", Tone()),
        ("b", Tone(rate=0.75)),
        ("c", Tone(rate=1.5, volume=1.9953)),
        ("d", Tone(volume=0.0, pitch=1.1225)),
        ("e", Tone()),
    ]


def test_phonemes_apply_only_to_their_word() -> None:
    [unit] = script('<speak>You say <phoneme alphabet="ipa" ph="təˈmɑːtəʊ">tomato</phoneme>.</speak>')
    assert isinstance(unit, Segment)
    assert unit.text == "You say tomato."
    assert unit.pronunciations == (None, None, "təˈmɑːtəʊ")


def test_words_have_offsets_into_the_document() -> None:
    text = "<speak>\n  Ça <s>va&amp;vient</s> 😂 là</speak>"
    words = [word for part in script(text) if isinstance(part, Segment) for word in part.words]
    assert [(word.text, text[word.written.start : word.written.end]) for word in words] == [
        ("Ça", "Ça"),
        ("va&vient", "va&amp;vient"),
        ("😂", "😂"),
        ("là", "là"),
    ]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><speak>&b;</speak>'


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("<speak>\nHi", 2, 3, "no element found"),
        ("<speak>\n <b>Hi</b></speak>", 2, 2, "<b> is not supported"),
        ("<speak>é😂 <break time='soon'/></speak>", 1, 11, "written 1.5s"),
        ("<speak><break time='10.1s'/>a</speak>", 1, 8, "at most 10 seconds"),
        ("<speak><break strength='hard'/>a</speak>", 1, 8, "strength is one of"),
        ("<speak><break time='1s'>a</break></speak>", 1, 25, "must be empty"),
        ("<speak><say-as interpret-as='cardinal'>x1</say-as></speak>", 1, 8, "cannot be said as cardinal"),
        ("<speak><say-as interpret-as='joke'>x</say-as></speak>", 1, 8, "is not supported"),
        ("<speak><say-as interpret-as='date'>99/99</say-as></speak>", 1, 8, "cannot be said as date"),
        (f"<speak><say-as interpret-as='date' format='y'>{'1' * 5_000}</say-as></speak>", 1, 8, "cannot be said as date"),
        (f"<speak><say-as interpret-as='ordinal'>1{',000' * 2_000}</say-as></speak>", 1, 8, "cannot be said as ordinal"),
        ("<speak><sub>x</sub></speak>", 1, 8, "needs an alias"),
        ("<speak><sub alias='x'>...</sub></speak>", 1, 8, "contains nothing to speak"),
        (f"<speak><sub alias='{'x' * 201}'>x</sub></speak>", 1, 8, "more than 200"),
        ("<speak><phoneme alphabet='x-sampa' ph='a'>x</phoneme></speak>", 1, 8, 'alphabet="ipa"'),
        ("<speak><phoneme ph='[a]'>x</phoneme></speak>", 1, 8, 'alphabet="ipa"'),
        ("<speak><sub alias='x'><s>x</s></sub></speak>", 1, 23, "contains text only"),
        ("<speak><prosody>x</prosody></speak>", 1, 8, "needs rate"),
        ("<speak><prosody rate='quick'>x</prosody></speak>", 1, 8, "is not valid"),
        ("<speak><prosody rate='1000%'>x</prosody></speak>", 1, 8, "25% to 400%"),
        ("<speak><prosody range='x'>x</prosody></speak>", 1, 8, "has no attribute range"),
        ("<speak><speak>x</speak></speak>", 1, 8, "is not permitted here"),
        ("<speak xml:lang='en-US'><p xml:lang='fr'>x</p></speak>", 1, 25, "one language"),
        ("<speak>&nbsp;x</speak>", 1, 8, "undefined entity"),
        ("<speak>x</speak>y", 1, 17, "junk after document"),
        ("<speak>" + "<p>" * 100_000, 1, 8 + 19 * 3, "is not permitted here"),
    ],
)
def test_unsupported_markup_is_refused_with_its_position(text: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        script(text)
    [detail] = cast("list[dict[str, Any]]", refused.value.details)
    assert reason in detail["message"]
    assert (detail["field"], detail["line"], detail["column"]) == ("text", line, column)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        '<!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak>x</speak>',
        '<!DOCTYPE speak [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]><speak>&x;</speak>',
        "<!DOCTYPE speak><speak>x</speak>",
    ],
)
def test_entity_bombs_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="DOCTYPE"):
        script(text, ssml=True)


def test_a_document_in_another_language_is_refused() -> None:
    with pytest.raises(ValidationError, match="marked fr-FR"):
        script("<speak xml:lang='fr-FR'>Bonjour</speak>")


def test_an_engine_without_phonemes_refuses_them() -> None:
    with pytest.raises(ValidationError, match="does not support <phoneme>"):
        compose("<speak><phoneme ph='a'>x</phoneme></speak>", NormalizationOptions("en-US"), 400)


@given(st.text(alphabet=st.sampled_from("<>/&;'\"= abspeak"), max_size=60))
def test_any_input_is_accepted_or_refused(inside: str) -> None:
    try:
        script(f"<speak>{inside}</speak>")
    except ValidationError:
        return
