"""The lexicon: users' pronunciations."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.ids import new_id


class Pronunciation(BaseModel):
    """Pronunciation of a term: a respelling, IPA, or both."""

    model_config = ConfigDict(frozen=True)

    term: str
    respelling: str | None = None
    ipa: str | None = None
    case_sensitive: bool = False


class DictionaryEntry(Aggregate):
    """A pronunciation in a user's lexicon, restricted to a language or a voice if it names one.

    `place` is the entry's key, unique for each user.
    """

    user_id: str
    term: str
    respelling: str | None = None
    ipa: str | None = None
    language: str | None = None
    voice_id: str | None = None
    case_sensitive: bool = False
    place: str

    @classmethod
    def write(cls, user_id: str, pronunciation: Pronunciation, *, language: str | None, voice_id: str | None) -> Self:
        """Create an entry."""
        place = _place(pronunciation, language, voice_id)
        return cls(
            id=new_id("dict"),
            user_id=user_id,
            language=language,
            voice_id=voice_id,
            place=place,
            **pronunciation.model_dump(),
        )

    def revise(self, pronunciation: Pronunciation, *, language: str | None, voice_id: str | None) -> None:
        """Replace the pronunciation and its scope."""
        self.term = pronunciation.term
        self.respelling = pronunciation.respelling
        self.ipa = pronunciation.ipa
        self.case_sensitive = pronunciation.case_sensitive
        self.language = language
        self.voice_id = voice_id
        self.place = _place(pronunciation, language, voice_id)

    @property
    def pronunciation(self) -> Pronunciation:
        """Pronunciation of the entry."""
        return Pronunciation(term=self.term, respelling=self.respelling, ipa=self.ipa, case_sensitive=self.case_sensitive)

    def applies(self, language: str, voice_id: str) -> bool:
        """Return whether the entry applies to a voice in a language; an entry for `en` also applies to `en-GB`."""
        if self.voice_id not in {None, voice_id}:
            return False
        return self.language is None or f"{language}-".lower().startswith(f"{self.language}-".lower())

    @property
    def closeness(self) -> tuple[bool, int]:
        """Sort key by specificity: entries for a voice are greater than those for a language, and those than general ones."""
        return self.voice_id is not None, len(self.language or "")


def _place(pronunciation: Pronunciation, language: str | None, voice_id: str | None) -> str:
    term = pronunciation.term if pronunciation.case_sensitive else pronunciation.term.casefold()
    return "\n".join([term, (language or "").lower(), voice_id or "", str(pronunciation.case_sensitive)])
