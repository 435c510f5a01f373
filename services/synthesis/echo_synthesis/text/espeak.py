"""Text to IPA with espeak-ng, as bundled by `espeakng-loader`. One language per process at a time, not thread-safe."""

import ctypes
import re
from functools import lru_cache

import espeakng_loader

_SYNCHRONOUS = 0x02
_DONT_EXIT = 0x8000
_UTF8 = 1
_IPA = 0x02
_LANGUAGE_SWITCH = re.compile(r"\([a-z-]+\)")


class Espeak:
    """A converter of text to IPA in a language that espeak knows (`en-us`, `en` for British English, `fr`, …)."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT) <= 0:
            raise RuntimeError("espeak-ng does not start")
        self._to_phonemes = self._library.espeak_TextToPhonemes
        self._to_phonemes.restype = ctypes.c_char_p
        self._to_phonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        self._language = ""
        # words are pronounced once in their sentence and once alone; only the latter repeat
        self.word = lru_cache(maxsize=20_000)(self.phonemes)

    def phonemes(self, text: str, language: str) -> str:
        """Return IPA with stress marks and single spaces between words; punctuation affects the sounds, but is not returned."""
        if language != self._language:
            if self._library.espeak_SetVoiceByName(language.encode()) != 0:
                raise RuntimeError(f"espeak-ng does not know the language {language}")
            self._language = language
        pointer = ctypes.c_char_p(text.replace("\0", " ").encode())
        clauses = []
        while pointer.value is not None:
            clauses.append(self._to_phonemes(ctypes.byref(pointer), _UTF8, _IPA) or b"")
        ipa = b" ".join(clauses).decode("utf-8", "replace")
        return " ".join(_LANGUAGE_SWITCH.sub("", ipa).split())
