"""How a user wants words to be said."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.ids import new_id


class Pronunciation(BaseModel):
    """How a term is said: written otherwise, or in IPA, at least one of them."""

    model_config = ConfigDict(frozen=True)

    term: str
    respelling: str | None = None
    ipa: str | None = None
    case_sensitive: bool = False


class DictionaryEntry(Aggregate):
    """A pronunciation in a user's dictionary, for one language or one voice if it names them.

    `place` is what only one entry of a user can have.
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
        """A new entry."""
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
        """Say it otherwise, or elsewhere."""
        self.term = pronunciation.term
        self.respelling = pronunciation.respelling
        self.ipa = pronunciation.ipa
        self.case_sensitive = pronunciation.case_sensitive
        self.language = language
        self.voice_id = voice_id
        self.place = _place(pronunciation, language, voice_id)

    @property
    def pronunciation(self) -> Pronunciation:
        """What is to be said."""
        return Pronunciation(term=self.term, respelling=self.respelling, ipa=self.ipa, case_sensitive=self.case_sensitive)

    def applies(self, language: str, voice_id: str) -> bool:
        """Whether it holds for a voice in a language; an entry for `en` holds for `en-GB` too."""
        if self.voice_id not in {None, voice_id}:
            return False
        return self.language is None or f"{language}-".lower().startswith(f"{self.language}-".lower())

    @property
    def closeness(self) -> tuple[bool, int]:
        """How particular its scope is: for a voice before for a language before for all."""
        return self.voice_id is not None, len(self.language or "")


def _place(pronunciation: Pronunciation, language: str | None, voice_id: str | None) -> str:
    term = pronunciation.term if pronunciation.case_sensitive else pronunciation.term.casefold()
    return "\n".join([term, (language or "").lower(), voice_id or "", str(pronunciation.case_sensitive)])
