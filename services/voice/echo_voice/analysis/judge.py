"""Judge of English speech with the packaged recogniser and DNSMOS, as far as their extras are installed."""

import re
from collections.abc import Callable
from typing import Final

from echo_voice.analysis.measure import estimate_mos
from echo_voice.analysis.recogniser import find_packaged_recogniser
from echo_voice.similarity import Samples

_WORD: Final = re.compile(r"[a-z]+")


class PackagedJudge:
    """A judge whose recogniser is loaded once. See `echo_voice.cloning.speech_quality.Judge`."""

    def __init__(self) -> None:
        self._recognise = _open_recogniser()

    def count_word_errors(self, samples: Samples, text: str) -> int | None:
        """Return the edit distance in words between a text and the recognised words; None without the recogniser."""
        if self._recognise is None:
            return None
        from rapidfuzz.distance import Levenshtein

        return Levenshtein.distance(_words(text), _words(self._recognise(samples)))

    def opinion(self, samples: Samples) -> float | None:
        """Return the estimated opinion score; None without the extra `quality`."""
        return estimate_mos(samples, places=1)  # unseen sentences are shorter than what the model hears at once


def _open_recogniser() -> Callable[[Samples], str] | None:
    folder = find_packaged_recogniser()
    if folder is None:
        return None
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    def recognise(samples: Samples) -> str:
        segments, _ = model.transcribe(samples, language="en", beam_size=5, condition_on_previous_text=False)
        return " ".join(segment.text for segment in segments)

    return recognise


def _words(text: str) -> list[str]:
    """Return the words of a text without case, apostrophes and other punctuation."""
    return _WORD.findall(text.casefold().replace("'", "").replace("\u2019", ""))
