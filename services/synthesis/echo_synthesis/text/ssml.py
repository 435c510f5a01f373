"""Parser of the SSML subset that Echo supports, based on expat, with positions in the source.

Documents with a DOCTYPE are refused, so the only entities are the five of XML: nothing is expanded, nothing is fetched.
https://www.w3.org/TR/speech-synthesis11/
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from echo_common.contracts.ipa import is_ipa
from echo_synthesis.text.source_map import Limits, Tone, VisibleText, VisibleTextBuilder, refuse
from echo_synthesis.text.verbalization import Piece, Verbalization

SayAs = Callable[[str, str, str | None], str | None]
"""Function that verbalises `(text, interpret_as, format)`; None if impossible. `KeyError`: unknown `interpret_as`."""

Aloud = Callable[[str], str]

MAX_DEPTH = 20
MAX_ALIAS = 200
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "speak": frozenset({"version", "xml:lang", "xmlns", "xmlns:xsi", "xsi:schemaLocation"}),
    "p": frozenset({"xml:lang"}),
    "s": frozenset({"xml:lang"}),
    "break": frozenset({"time", "strength"}),
    "say-as": frozenset({"interpret-as", "format", "detail"}),
    "sub": frozenset({"alias"}),
    "phoneme": frozenset({"alphabet", "ph"}),
    "prosody": frozenset({"rate", "volume", "pitch"}),
}
_LEAVES = frozenset({"say-as", "sub", "phoneme"})
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 1.0, "x-strong": 1.5}
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
_VOLUMES = {"silent": 0.0, "x-soft": 0.25, "soft": 0.5, "medium": 1.0, "default": 1.0, "loud": 1.4, "x-loud": 2.0}
_PITCHES = {"x-low": 0.75, "low": 0.87, "medium": 1.0, "default": 1.0, "high": 1.15, "x-high": 1.33}
_BEGINNING = re.compile(r"\s*+(?:<\?xml[^>]{0,200}\?>\s*+)?<speak[\s>/]")
_TIME = re.compile(r"\+?(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(s|ms)")
_FACTOR = re.compile(r"(?P<sign>[+-])?(?P<number>\d{1,4}(?:\.\d{1,4})?)(?P<unit>%|dB|st)?")


def is_ssml(text: str) -> bool:
    """Return whether a text begins as SSML."""
    return _BEGINNING.match(text) is not None


def parse_ssml(text: str, limits: Limits, *, say_as: SayAs, aloud: Aloud) -> VisibleText:
    """Parse a document into its visible text.

    Raises:
        ValidationError: The document is invalid; the message has the reason, the line and the column.
    """
    return _Document(text, limits, say_as, aloud).parse()


@dataclass(slots=True)
class _Element:
    name: str
    attributes: Mapping[str, str]
    at: int
    tone: Tone
    start: int = 0


class _Document:
    def __init__(self, text: str, limits: Limits, say_as: SayAs, aloud: Aloud) -> None:
        self._text = text
        self._say_as = say_as
        self._aloud = aloud
        self._builder = VisibleTextBuilder(text, limits)
        self._elements: list[_Element] = []
        self._language: str | None = None
        self._lead = len(text) - len(text.lstrip())
        self._encoded = text[self._lead :].encode()
        self._here = (0, self._lead)
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartDoctypeDeclHandler = lambda *_: self._refuse("A DOCTYPE is not permitted; remove it.", self._at())
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data

    def parse(self) -> VisibleText:
        try:
            self._parser.Parse(self._encoded, True)
        except expat.ExpatError as error:
            at = self._place(max(self._parser.ErrorByteIndex, self._here[0]))
            self._refuse(f"The SSML is not well-formed: {expat.ErrorString(error.code)}.", at)
        return self._builder.build(self._language)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        at = self._at()
        known = _ATTRIBUTES.get(name)
        if known is None:
            self._refuse(f"<{name}> is not supported. Use {', '.join(_ATTRIBUTES)}.", at)
        if unknown := attributes.keys() - known:
            self._refuse(f"<{name}> has no attribute {min(unknown)}.", at)
        if (name == "speak") != (not self._elements) or len(self._elements) >= MAX_DEPTH:
            self._refuse(f"<{name}> is not permitted here.", at)
        if self._elements and self._elements[-1].name in _LEAVES | {"break"}:
            self._refuse(f"<{self._elements[-1].name}> contains text only.", at)
        self._listen(attributes.get("xml:lang"), at)
        tone = self._elements[-1].tone if self._elements else Tone()
        if name == "prosody":
            tone = self._prosody(attributes, tone, at)
        elif name == "break":
            self._break(attributes, at)
        elif name in {"p", "s"}:
            self._builder.begin_paragraph(at)
        self._elements.append(_Element(name, attributes, at, tone, self._builder.length))
        self._tune()

    def _end(self, name: str) -> None:
        element = self._elements.pop()
        if name in _LEAVES:
            self._read(element)
        elif name in {"p", "s"}:
            self._builder.begin_paragraph(self._at())
        self._tune()

    def _data(self, data: str) -> None:
        at = self._at()
        if self._elements[-1].name == "break" and data.strip():
            self._refuse("<break> must be empty.", at)
        if self._text[at] == "&":
            self._builder.add_replacement(data, at, self._text.index(";", at) + 1)
        elif self._text.startswith(data, at):
            self._builder.add_original(at, at + len(data))
        else:
            self._builder.add_replacement(data, at, at + len(data) + 1)  # a line ending of two characters

    def _listen(self, language: str | None, at: int) -> None:
        """Check that the document is in a single language, and store the language."""
        if language is None or language == self._language:
            return
        if self._elements and _base(language) != _base(self._language or language):
            self._refuse(f"A document is in one language, and {language} is another.", at)
        self._language = self._language or language

    def _tune(self) -> None:
        tone = self._elements[-1].tone if self._elements else Tone()
        if not self._builder.tones or self._builder.tones[-1][1] != tone:
            self._builder.tones.append((self._builder.length, tone))

    def _break(self, attributes: Mapping[str, str], at: int) -> None:
        if (time := attributes.get("time")) is not None:
            found = _TIME.fullmatch(time.strip())
            if found is None:
                self._refuse(f"A break's time is written 1.5s or 500ms, not {time!r}.", at)
            self._builder.add_pause(float(found[1]) / (1000 if found[2] == "ms" else 1), at)
            return
        strength = attributes.get("strength", "medium")
        if strength not in _STRENGTHS:
            self._refuse(f"A break's strength is one of {', '.join(_STRENGTHS)}.", at)
        self._builder.add_pause(_STRENGTHS[strength], at)

    def _prosody(self, attributes: Mapping[str, str], around: Tone, at: int) -> Tone:
        if not attributes:
            self._refuse("<prosody> needs rate, volume or pitch.", at)
        rate = self._factor("rate", attributes, _RATES, at)
        volume = self._factor("volume", attributes, _VOLUMES, at)
        pitch = self._factor("pitch", attributes, _PITCHES, at)
        tone = Tone(round(around.rate * rate, 4), round(around.volume * volume, 4), round(around.pitch * pitch, 4))
        if not (0.25 <= tone.rate <= 4 and tone.volume <= 4 and 0.5 <= tone.pitch <= 2):
            self._refuse("Rates go from 25% to 400%, volumes to +12dB, pitches from 50% to 200%.", at)
        return tone

    def _factor(self, name: str, attributes: Mapping[str, str], words: Mapping[str, float], at: int) -> float:
        if (written := attributes.get(name)) is None:
            return 1.0
        if written in words:
            return words[written]
        found = _FACTOR.fullmatch(written.strip())
        factor = _factor(name, found["sign"], float(found["number"]), found["unit"]) if found else None
        if factor is None:
            self._refuse(f"The {name} {written!r} is not valid.", at)
        return factor

    def _read(self, element: _Element) -> None:
        """Add the verbalisation of an element's content."""
        inside = self._builder.text(element.start)
        written = inside.strip()
        if not any(map(str.isalnum, written)):
            self._refuse(f"<{element.name}> contains nothing to speak.", element.at)
        start = element.start + len(inside) - len(inside.lstrip())
        piece = self._piece(element, written, start)
        if len(piece.text) > MAX_ALIAS:
            self._refuse(f"<{element.name}> contains or replaces more than {MAX_ALIAS} characters.", element.at)
        self._builder.verbalizations.append(Verbalization(start, start + len(written), (piece,)))

    def _piece(self, element: _Element, written: str, start: int) -> Piece:
        if element.name == "sub":
            alias = element.attributes.get("alias", "").strip()
            if not any(map(str.isalnum, alias)):
                self._refuse("<sub> needs an alias.", element.at)
            return Piece(start, self._aloud(alias))
        if element.name == "phoneme":
            ipa = element.attributes.get("ph", "").strip()
            if element.attributes.get("alphabet", "ipa") != "ipa" or not is_ipa(ipa):
                self._refuse('<phoneme> needs alphabet="ipa" and ph.', element.at)
            return Piece(start, " ".join(written.split()), ipa)
        kind = element.attributes.get("interpret-as", "")
        try:
            said = self._say_as(written, kind, element.attributes.get("format"))
        except KeyError:
            self._refuse(f"The interpretation {kind!r} is not supported.", element.at)
        if said is None:
            self._refuse(f"{written[:40]!r} cannot be said as {kind}.", element.at)
        return Piece(start, said)

    def _at(self) -> int:
        return self._place(self._parser.CurrentByteIndex)

    def _place(self, byte: int) -> int:
        """Convert a byte offset into a character offset; offsets never decrease."""
        last, character = self._here
        self._here = (byte, character + len(self._encoded[last:byte].decode(errors="ignore")))
        return self._here[1]

    def _refuse(self, message: str, at: int) -> NoReturn:
        refuse(message, self._text, at)


def _factor(name: str, sign: str | None, number: float, unit: str | None) -> float | None:
    match unit, name:
        case "%", _:
            return 1 + (number if sign == "+" else -number) / 100 if sign else number / 100
        case "dB", "volume":
            return float(10 ** ((-number if sign == "-" else number) / 20))
        case "st", "pitch":
            return float(2 ** ((-number if sign == "-" else number) / 12))
        case None, _:
            return None if sign else number
        case _:
            return None


def _base(language: str) -> str:
    return language.split("-")[0].lower()
