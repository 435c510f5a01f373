"""Detection of headings without markup, such as "Chapter 3"."""

import re

_LONGEST = 120
_NUMBER = (
    r"(?:\d{1,4}|[ivxlcdm]{1,8}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:[ -][a-z]{3,5})?)"
)
_PARTS = "chapter|part|book|act|canto|section|cap[ií]tulo|parte|chapitre|partie|capitolo|kapitel|teil|अध्याय"
_ALONE = "prologue|epilogue|introduction|preface|foreword|afterword|pr[oó]logo|ep[ií]logo|[eé]pilogue|introducci[oó]n"
_NAMED = re.compile(
    rf"[ \t]*(?P<title>(?:(?:{_PARTS})[ \t]+{_NUMBER}\b|{_ALONE})(?:[ \t]*[.:\u2014\u2013-][^\n]*)?)[ \t]*$", re.IGNORECASE
)


def named(text: str, start: int, end: int) -> re.Match[str] | None:
    """Match the line `[start, end)`, with its `title` as a group, if it names a part of a book and nothing else."""
    if end - start > _LONGEST:
        return None
    found = _NAMED.match(text, start, end)
    return found if found and not found["title"][0].islower() else None
